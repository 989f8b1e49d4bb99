//! What happens in channels: who is to be told of it. Decided is later; here it is only written down, so
//! that the log is kept up with.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parlance_consumer::{Consumer, Missed, Step};
use parlance_core::{Micros, Num, Result};
use parlance_proto::event::event::Payload;
use parlance_proto::event::{Event, LogEntry, ReadLogRequest, ReadLogResponse, stream::Kind as StreamKind};
use parlance_proto::message::{Message, message::Kind as MessageKind};
use uuid::Uuid;

use super::members::{Crowd, Members};
use super::owners::Owners;
use super::page::{Item, News, Rows, only, without_actor};
use super::subjects::{Reply, Subjects};
use super::{app_of, nobody};
use crate::domain::drops::Drop;
use crate::service::Service;
use crate::store::pending;

pub struct Streams {
    service: Arc<Service>,
    members: Members,
    owners: Owners,
    subjects: Subjects,
    /// The position up to which this replica has read every fact.
    read_to: AtomicU64,
}

impl Streams {
    pub fn new(service: Arc<Service>) -> Self {
        Self {
            members: Members::new(service.channel.clone(), service.settings.max_fanout_members),
            owners: Owners::new(service.store.clone(), service.now()),
            subjects: Subjects::new(service.message.clone()),
            read_to: AtomicU64::new(0),
            service,
        }
    }
}

impl Consumer for Streams {
    const SERVICE: &'static str = "notification";
    const LOG: &'static str = "message";
    const GATHER: Duration = Duration::from_millis(30);

    async fn read(&self, request: ReadLogRequest) -> Result<ReadLogResponse> {
        Ok(self.service.message.clone().read_log(nobody().request(request)).await?.into_inner())
    }

    async fn apply(&self, step: &Step) -> Result<(), Missed> {
        // What another replica has read may have changed what is remembered here.
        if self.read_to.load(Ordering::Relaxed) != step.from() {
            self.members.forget_all();
            self.subjects.forget_threads();
        }
        let now = self.service.now();
        let items = self.items(step.entries(), now)?;
        let mut rows = Rows::new(&self.service.nums, now);
        if !items.is_empty() {
            self.owners.look(now).await?;
        }
        for (app, items) in items {
            self.address(app, items, &mut rows).await?;
        }
        let rows = rows.into_rows();
        let has_news = !rows.is_empty();

        let turn = step.begin_relaxed().await?;
        // Clocks of replicas differ a little: twice the window is no window.
        let latest = now + 2 * self.service.settings.collapse_window();
        pending::add(turn.write().connection(), rows, now, latest).await?;
        drop(turn.finish().await?.commit().await?);
        self.read_to.store(step.to(), Ordering::Relaxed);
        if has_news {
            self.service.decider.notify_one();
        }
        Ok(())
    }
}

impl Streams {
    /// The news of a page, by app. What changes the membership of a channel makes what is known of it
    /// forgotten.
    fn items(&self, entries: &[LogEntry], now: Micros) -> Result<BTreeMap<Uuid, Vec<Item>>> {
        let oldest = now - Duration::from_secs(self.service.settings.max_age_s);
        let mut items: BTreeMap<Uuid, Vec<Item>> = BTreeMap::new();
        for entry in entries {
            let (Some(event), Some(app)) = (&entry.event, app_of(entry)?) else { continue };
            match &event.payload {
                Some(Payload::MemberJoined(fact)) => self.members.forget(app, fact.channel_num),
                Some(Payload::MemberLeft(fact)) => self.members.forget(app, fact.channel_num),
                Some(Payload::ChannelDeleted(fact)) => self.members.forget(app, fact.channel_num),
                Some(Payload::ChannelCreated(fact)) => self.members.forget(app, fact.channel_num),
                _ => {}
            }
            let Some((channel, news)) = news_of(event) else { continue };
            let at = event.occurred_at.as_ref().and_then(Micros::from_timestamp).unwrap_or(now);
            if at < oldest {
                Drop::TooOld.count(1);
                continue;
            }
            items.entry(app).or_default().push(Item { app, channel, at, news });
        }
        Ok(items)
    }

    /// Finds the recipients of an app's news.
    async fn address(&self, app: Uuid, items: Vec<Item>, rows: &mut Rows<'_>) -> Result<()> {
        let kinds = self.service.providers.of(app).await?;
        if !kinds.any() {
            Drop::ProviderMissing.count(items.len() as u64);
            return Ok(());
        }
        let (mut channels, mut subjects, mut replies) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for item in &items {
            match &item.news {
                News::Message { .. } => {
                    channels.insert(item.channel);
                }
                News::Reply { parent, author, .. } => {
                    subjects.insert(*parent);
                    replies.push(Reply { channel: item.channel, parent: *parent, author: *author });
                }
                News::Reaction { message, .. } => {
                    subjects.insert(*message);
                }
                News::Mention { .. } | News::Invite { .. } => {}
            }
        }
        let channels: Vec<Num> = channels.into_iter().collect();
        let (crowds, authors, participants) = tokio::try_join!(
            self.members.of(app, &channels),
            self.subjects.authors(app, subjects),
            self.subjects.participants(app, replies),
        )?;
        let crowds: HashMap<Num, Crowd> = crowds.into_iter().collect();

        let recipients: Vec<BTreeSet<Num>> = items
            .iter()
            .map(|item| match &item.news {
                News::Message { author, mentions, .. } => {
                    let mut to: BTreeSet<Num> = mentions.iter().copied().collect();
                    match crowds.get(&item.channel) {
                        Some(Crowd::Few(members)) => to.extend(members.iter().copied()),
                        Some(Crowd::TooMany) => Drop::ChannelTooLarge.count(1),
                        None => {}
                    }
                    without_actor(to, *author)
                }
                News::Mention { author, mentions, .. } => {
                    without_actor(mentions.iter().copied().collect(), *author)
                }
                News::Reply { parent, author, mentions, .. } => {
                    let mut to: BTreeSet<Num> = mentions.iter().copied().collect();
                    to.extend(authors.get(parent));
                    to.extend(participants.get(parent).into_iter().flatten());
                    without_actor(to, *author)
                }
                News::Reaction { message, by, .. } => {
                    without_actor(authors.get(message).copied().into_iter().collect(), *by)
                }
                News::Invite { user, by } => without_actor(BTreeSet::from([*user]), *by),
            })
            .collect();

        let everybody: HashSet<Num> = recipients.iter().flatten().copied().collect();
        let reachable = self.owners.among(app, &everybody).await?;
        for (item, to) in items.iter().zip(recipients) {
            rows.add(item, &only(to, &reachable));
        }
        Ok(())
    }
}

/// What an entry tells, and of which channel. Each thing is told once, though it may stand in several
/// streams.
fn news_of(event: &Event) -> Option<(Num, News)> {
    let stream = event.stream.as_ref()?;
    let is_chat = stream.kind() == StreamKind::Chat;
    match event.payload.as_ref()? {
        Payload::MessageCreated(fact) if is_chat => {
            let message = live(fact.message.as_ref())?;
            // A reply that is announced to the channel stands in the log as a reply, too.
            (message.parent_num == 0 && message.counted).then(|| {
                let mentions = message.mention_nums.clone();
                let news = News::Message { message: message.num, author: message.author_num, mentions };
                (message.channel_num, news)
            })
        }
        Payload::ThreadReplied(fact) if is_chat => {
            let message = live(fact.message.as_ref())?;
            let news = News::Reply {
                message: message.num,
                parent: fact.parent_num,
                author: message.author_num,
                mentions: message.mention_nums.clone(),
            };
            Some((message.channel_num, news))
        }
        Payload::MessageUpdated(fact) if is_chat && !fact.newly_mentioned_nums.is_empty() => {
            let message = live(fact.message.as_ref())?;
            let mentions = fact.newly_mentioned_nums.clone();
            let news = News::Mention { message: message.num, author: message.author_num, mentions };
            Some((message.channel_num, news))
        }
        Payload::ReactionAdded(fact) if is_chat => {
            let news =
                News::Reaction { message: fact.message_num, kind: fact.r#type.clone(), by: fact.user_num };
            Some((stream.num, news))
        }
        Payload::MemberJoined(fact) if is_chat && event.actor_num != fact.user_num => {
            Some((fact.channel_num, News::Invite { user: fact.user_num, by: event.actor_num }))
        }
        // Stands in the stream of each founding member. A direct channel announces itself with its first
        // message.
        Payload::ChannelCreated(fact) if !is_chat && event.actor_num != stream.num => {
            let is_direct =
                fact.channel.as_ref().is_none_or(|channel| !channel.direct_member_nums.is_empty());
            let invite = News::Invite { user: stream.num, by: event.actor_num };
            (!is_direct).then_some((fact.channel_num, invite))
        }
        _ => None,
    }
}

/// A message that people are told of: not what is gone since, nor what the system says.
fn live(message: Option<&Message>) -> Option<&Message> {
    let message = message.filter(|message| message.deleted_at.is_none());
    if message.is_none() {
        Drop::Deleted.count(1);
    }
    message.filter(|message| message.kind() == MessageKind::Regular)
}
