//! What facts of the channel service change here: heads, entries, read positions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use parlance_core::{Error, Num, Result};
use parlance_proto::event::{Event, MemberUpdated, Stream, event::Payload, stream::Kind};
use parlance_sql::{Write, store_error};
use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use crate::commit::Announcement;
use crate::service::Service;
use crate::store::batch::{self, EntryRow, Start};
use crate::store::heads::{self, Head};
use crate::store::{chat, entries, messages, positions, user};

/// A fact with the app that it belongs to.
pub struct Fact {
    pub app: Uuid,
    pub event: Event,
}

/// Applies facts, in order, in one transaction; gives what is to be announced once it is committed.
pub async fn apply(service: &Service, write: &Write, facts: Vec<Fact>) -> Result<Vec<Announcement>> {
    let connection = write.connection();
    let wanted: BTreeMap<i64, Uuid> = facts
        .iter()
        .flat_map(|fact| streams_of(&fact.event).into_iter().map(|stream| (stream, fact.app)))
        .collect();
    let heads = heads::lock_or_create(connection, &wanted).await?;
    let mut page = Page { service, connection, heads, changed: BTreeSet::new(), entries: Vec::new() };
    let mut announcements = Vec::with_capacity(facts.len());
    for Fact { app, event } in facts {
        let events = page.apply(app, event).await?;
        announcements.push(Announcement { app, events, ..Default::default() });
    }
    page.save().await?;
    Ok(announcements)
}

/// Streams whose heads a fact needs.
fn streams_of(fact: &Event) -> Vec<i64> {
    let with_users = |channel: Num, users: &[Num]| {
        let mut streams = vec![chat(channel)];
        streams.extend(users.iter().map(|&num| user(num)));
        streams
    };
    match &fact.payload {
        Some(Payload::ChannelCreated(p)) => with_users(p.channel_num, &p.member_nums),
        Some(Payload::ChannelUpdated(p)) => with_users(p.channel_num, &[]),
        Some(Payload::ChannelDeleted(p)) => with_users(p.channel_num, &p.member_nums),
        Some(Payload::MemberJoined(p)) => with_users(p.channel_num, &[p.user_num]),
        Some(Payload::MemberLeft(p)) => with_users(p.channel_num, &[p.user_num]),
        Some(Payload::MemberUpdated(p)) => with_users(p.channel_num, &[]),
        Some(Payload::PolicyRaised(p)) => with_users(p.channel_num, &[]),
        Some(payload) => told_of_workspace(payload).iter().map(|&num| user(num)).collect(),
        None => Vec::new(),
    }
}

/// The users in whose streams a fact about a workspace goes.
fn told_of_workspace(payload: &Payload) -> &[Num] {
    match payload {
        Payload::WorkspaceCreated(p) => &p.told_nums,
        Payload::WorkspaceUpdated(p) => &p.told_nums,
        Payload::WorkspaceDeleted(p) => &p.told_nums,
        Payload::WorkspaceMemberJoined(p) => &p.told_nums,
        Payload::WorkspaceMemberLeft(p) => &p.told_nums,
        _ => &[],
    }
}

/// What some facts change, as far as it is written at their end.
struct Page<'a> {
    service: &'a Service,
    connection: &'a DatabaseTransaction,
    heads: HashMap<i64, Head>,
    changed: BTreeSet<i64>,
    entries: Vec<EntryRow>,
}

impl Page<'_> {
    /// Applies one fact; gives the events to be published, in order.
    async fn apply(&mut self, app: Uuid, fact: Event) -> Result<Vec<Event>> {
        let Some(payload) = fact.payload.clone() else { return Ok(Vec::new()) };
        let mut told = Vec::new();
        match payload {
            Payload::ChannelCreated(created) => {
                let head = self.head(chat(created.channel_num), &fact)?;
                head.member_count = created.member_nums.len() as i64;
                let start = |&user: &Num| Start {
                    app,
                    channel: created.channel_num,
                    user,
                    joined_seq: 0,
                    counted: 0,
                };
                self.start(created.member_nums.iter().map(start).collect()).await?;
                for &member in &created.member_nums {
                    told.push(self.append(user(member), &fact)?);
                }
                if created.discoverable {
                    told.push(broadcast(&fact));
                } else if !created.announced_nums.is_empty() {
                    told.push(broadcast_to(&fact, created.announced_nums));
                }
            }
            Payload::ChannelUpdated(updated) => {
                told.push(self.append(chat(updated.channel_num), &fact)?);
            }
            Payload::ChannelDeleted(deleted) => {
                let stream = chat(deleted.channel_num);
                let unnamed = self.head(stream, &fact)?.member_count > deleted.member_nums.len() as i64;
                told.push(self.append(stream, &fact)?);
                positions::end_all(self.connection, app, deleted.channel_num).await?;
                for &member in &deleted.member_nums {
                    told.push(self.append(user(member), &fact)?);
                }
                if deleted.discoverable || unnamed {
                    told.push(broadcast(&fact));
                } else if !deleted.announced_nums.is_empty() {
                    told.push(broadcast_to(&fact, deleted.announced_nums));
                }
            }
            Payload::MemberJoined(joined) => {
                let (stream, seq) = (chat(joined.channel_num), joined.joined_seq as i64);
                let head = self.head(stream, &fact)?;
                head.member_count = i64::from(joined.member_count);
                let counted = match head.last_seq <= seq {
                    true => head.counted,
                    false => messages::running_at(self.connection, joined.channel_num, seq).await?,
                };
                let (channel, user_num) = (joined.channel_num, joined.user_num);
                self.start(vec![Start { app, channel, user: user_num, joined_seq: seq, counted }]).await?;
                told.push(self.append(stream, &fact)?);
                told.push(self.append(user(user_num), &fact)?);
            }
            Payload::MemberLeft(left) => {
                positions::end(self.connection, app, left.channel_num, left.user_num).await?;
                self.head(chat(left.channel_num), &fact)?.member_count = i64::from(left.member_count);
                told.push(self.append(chat(left.channel_num), &fact)?);
                told.push(self.append(user(left.user_num), &fact)?);
            }
            Payload::MemberUpdated(updated) => {
                let MemberUpdated { channel_num, user_num, muted, .. } = updated;
                positions::set_muted(self.connection, app, channel_num, user_num, muted).await?;
                self.head(chat(channel_num), &fact)?;
                told.push(live_only(&fact, Kind::User, user_num));
            }
            Payload::PolicyRaised(raised) => {
                told.push(self.append(chat(raised.channel_num), &fact)?);
            }
            // Other facts of the log concern other consumers.
            payload => {
                for &num in told_of_workspace(&payload) {
                    told.push(self.append(user(num), &fact)?);
                }
            }
        }
        Ok(told)
    }

    /// The locked head of a stream, to be changed; it takes over the fact's policy version.
    fn head(&mut self, stream: i64, fact: &Event) -> Result<&mut Head> {
        self.changed.insert(stream);
        let head = self.heads.get_mut(&stream).ok_or_else(|| Error::internal("a stream has no head"))?;
        head.policy_version = head.policy_version.max(fact.policy_version);
        Ok(head)
    }

    /// Appends a fact to a stream.
    fn append(&mut self, stream: i64, fact: &Event) -> Result<Event> {
        let (epoch, now) = (&self.service.epoch, self.service.now());
        let mut event = fact.clone();
        let row = entries::next(self.head(stream, fact)?, &mut event, epoch, now);
        self.entries.push(row);
        Ok(event)
    }

    async fn start(&self, starts: Vec<Start>) -> Result<()> {
        batch::start_positions(self.connection, starts).await.map_err(store_error)
    }

    async fn save(self) -> Result<()> {
        batch::insert_entries(self.connection, self.entries).await.map_err(store_error)?;
        let changed = self.changed.iter().filter_map(|stream| self.heads.get(stream)).collect();
        batch::save_facts(self.connection, changed).await.map_err(store_error)
    }
}

/// Everybody of the app may see it: delivered to connected users, not kept for others.
fn broadcast(fact: &Event) -> Event {
    live_only(fact, Kind::App, 0)
}

/// Some may see it who are not of the channel: delivered to those of them who are connected.
fn broadcast_to(fact: &Event, audience_nums: Vec<Num>) -> Event {
    Event { audience_nums, ..broadcast(fact) }
}

fn live_only(fact: &Event, kind: Kind, num: Num) -> Event {
    Event { stream: Some(Stream { kind: kind.into(), num }), offset: 0, ..fact.clone() }
}
