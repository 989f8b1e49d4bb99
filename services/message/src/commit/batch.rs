//! The transaction behind a batch of sends: at most six statements, whatever its size.
//!
//! 1. lock the stream heads of the channels, in order;
//! 2. find repeats (only if a send brought a key);
//! 3. insert the messages; 4. insert the stream entries; 5. save the heads;
//! 6. move the authors' own read positions.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use parlance_core::{Error, Micros, Num, Reason, Result};
use parlance_proto::event::{Event, MessageCreated, MessageUpdated, ThreadReplied, event::Payload};
use parlance_proto::message::{Message, message::Kind};
use parlance_sql::{Write, contended, is_unique_violation, retrying, store_error, within};
use parlance_telemetry::trace::{self, Kind as Step};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Ack, Announcement, Outcome, Pending, outcome};
use crate::channel_write::event_of;
use crate::service::Service;
use crate::store::batch::{self, EntryRow, Follow, Keyed};
use crate::store::heads::{self, Head};
use crate::store::rows::{MessageRow, kind_number};
use crate::store::{chat, entries};

/// Longest time for all statements of a batch together, and again for its commit, on a shared database.
const ATTEMPT: Duration = Duration::from_secs(5);

type Waiting = (Pending, oneshot::Sender<Outcome>);

/// Commits a batch and answers every sender. If the batch fails because of what is in it, each send is
/// tried alone, so that one bad row does not fail its neighbours; if the store is away, all have failed.
pub async fn commit(service: &Service, waiting: Vec<Waiting>) {
    let mut by_app: HashMap<Uuid, Vec<Waiting>> = HashMap::new();
    for item in waiting {
        by_app.entry(item.0.app).or_default().push(item);
    }
    let mut away = None;
    for (app, waiting) in by_app {
        let (sends, replies): (Vec<Pending>, Vec<_>) = waiting.into_iter().unzip();
        if let Some(error) = &away {
            fail(replies, Error::clone(error));
            continue;
        }
        match store(service, app, &sends).await {
            Ok(stored) => stored.announce(service, replies),
            Err(error) if error.reason == Reason::Internal && sends.len() > 1 => {
                for (send, reply) in sends.into_iter().zip(replies) {
                    match store(service, app, std::slice::from_ref(&send)).await {
                        Ok(stored) => stored.announce(service, vec![reply]),
                        Err(error) => fail(vec![reply], error),
                    }
                }
            }
            Err(error) => {
                away = (error.reason == Reason::Unavailable).then(|| error.clone());
                fail(replies, error);
            }
        }
    }
}

fn fail(replies: Vec<oneshot::Sender<Outcome>>, error: Error) {
    metrics::counter!("parlance_commit_failures_total").increment(replies.len() as u64);
    for reply in replies {
        let _ = reply.send(Outcome::Failed(error.clone()));
    }
}

/// A committed batch.
struct Stored {
    committed: Option<parlance_sql::Committed>,
    announcement: Announcement,
    /// One per send, in order.
    outcomes: Vec<Outcome>,
    /// Some of the messages wait for previews.
    has_links: bool,
}

impl Stored {
    fn announce(mut self, service: &Service, replies: Vec<oneshot::Sender<Outcome>>) {
        if self.has_links {
            service.previews.notify_one();
        }
        self.announcement.acks = replies.into_iter().zip(self.outcomes).collect::<Vec<Ack>>();
        match self.committed {
            Some(committed) => service.announcer.announce(committed, self.announcement),
            None => service.announcer.announce_uncommitted(self.announcement),
        }
    }
}

/// What a batch will write.
#[derive(Default)]
struct Plan {
    rows: Vec<MessageRow>,
    events: Vec<Event>,
    follows: HashMap<(Num, Num), Follow>,
    /// Channels in which another's counted message of this batch came first, per author.
    blocked: HashSet<(Num, Num)>,
    /// Authors with counted messages of this batch, per channel.
    authors: HashMap<Num, HashSet<Num>>,
}

/// Stores sends, with new numbers as often as others stand in the way.
async fn store(service: &Service, app: Uuid, sends: &[Pending]) -> Result<Stored> {
    let stored = retrying(|| store_once(service, app, sends));
    // One step of the traces of all sends.
    let traces = sends.iter().map(|send| send.trace.as_str());
    let Some(mut step) = trace::start_for_many(Step::Internal, "commit", traces) else {
        return stored.await;
    };
    step.set("parlance.batch.messages", sends.len() as i64);
    let place = step.traceparent().to_owned();
    let mut stored =
        trace::within(&place, stored).await.inspect_err(|error| step.fail(error.reason.as_str()))?;
    stored.announcement.trace = place;
    Ok(stored)
}

async fn store_once(service: &Service, app: Uuid, sends: &[Pending]) -> Result<Stored> {
    // Until the commit nothing is stored, so cutting this off is safe.
    let Staged { write, plan, outcomes } = limited(service, stage(service, app, sends)).await?;
    if plan.rows.is_empty() {
        limited(service, write.rollback()).await?;
        let outcomes = outcomes.into_iter().flatten().collect();
        let announcement = Announcement { app, ..Default::default() };
        return Ok(Stored { committed: None, announcement, outcomes, has_links: false });
    }
    let committed = match limited(service, write.commit()).await {
        Ok(committed) => Some(committed),
        // The database says that it has undone everything.
        Err(error) if error.reason == Reason::Contended => return Err(error),
        Err(error) => {
            outcome::of_lost_commit(service, app, &plan.rows, error).await?;
            None
        }
    };
    plan.finish(app, committed, outcomes)
}

/// A database in the same process is waited for; one that is elsewhere may never answer.
async fn limited<T>(service: &Service, work: impl Future<Output = Result<T>>) -> Result<T> {
    match service.store.is_shared() {
        true => within(ATTEMPT, work).await,
        false => work.await,
    }
}

/// Everything written, nothing committed.
struct Staged {
    write: Write,
    plan: Plan,
    /// Of those sends that have nothing to write.
    outcomes: Vec<Option<Outcome>>,
}

async fn stage(service: &Service, app: Uuid, sends: &[Pending]) -> Result<Staged> {
    let write = service.store.begin().await?;
    let connection = write.connection();

    let streams: HashSet<i64> = sends.iter().map(|send| chat(send.channel)).collect();
    let mut streams: Vec<i64> = streams.into_iter().collect();
    streams.sort_unstable();
    let mut heads = heads::lock(connection, app, streams).await?;

    let (mut repeated, taken) = find_known(connection, sends).await?;
    let mut plan = Plan::default();
    let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(sends.len());
    let mut first_of_key: HashMap<(Num, Num, &str), usize> = HashMap::new();
    let mut ids_of_batch: HashSet<&str> = HashSet::new();
    let now = service.now();
    for (slot, send) in sends.iter().enumerate() {
        let Some(head) = heads.get_mut(&chat(send.channel)) else {
            outcomes.push(Some(Outcome::UnknownChannel));
            continue;
        };
        if head.policy_version > send.policy_version {
            outcomes.push(Some(Outcome::Outdated { policy_version: head.policy_version }));
            continue;
        }
        if let Some(num) = repeated.remove(&slot) {
            outcomes.push(Some(Outcome::Repeated(num)));
            continue;
        }
        if let Some(key) = send.dedup_key.as_deref() {
            if let Some(&first) = first_of_key.get(&(send.channel, send.author, key)) {
                outcomes.push(Some(Outcome::Repeated(plan.rows[first].num)));
                continue;
            }
            first_of_key.insert((send.channel, send.author, key), plan.rows.len());
        }
        let wanted = send.wanted_id.as_deref().filter(|id| !taken.contains(&slot) && ids_of_batch.insert(id));
        let row = number(service, head, send, wanted, now);
        plan.add(service, head, send, row)?;
        outcomes.push(None);
    }

    if plan.rows.is_empty() {
        return Ok(Staged { write, plan, outcomes });
    }
    let touched: HashSet<i64> = plan.rows.iter().map(|row| chat(row.channel_num)).collect();
    if let Err(error) = batch::insert_messages(connection, &plan.rows).await {
        // Another replica took a num or a wanted id at the same time: the next try sees it.
        return Err(if is_unique_violation(&error) { contended() } else { store_error(error) });
    }
    batch::insert_entries(connection, plan.entries(app, now)).await.map_err(store_error)?;
    batch::save_heads(connection, heads.values().filter(|head| touched.contains(&head.stream)).collect())
        .await
        .map_err(store_error)?;
    let follows = std::mem::take(&mut plan.follows).into_values().collect();
    batch::follow_authors(connection, follows).await.map_err(store_error)?;

    Ok(Staged { write, plan, outcomes })
}

/// Slots that repeat an earlier send, with the num of the first message, and slots whose wanted id is taken.
async fn find_known(
    connection: &impl sea_orm::ConnectionTrait,
    sends: &[Pending],
) -> Result<(HashMap<usize, Num>, HashSet<usize>)> {
    let keyed = sends
        .iter()
        .enumerate()
        .filter(|(_, send)| send.dedup_key.is_some())
        .map(|(slot, send)| Keyed {
            slot: slot as i64,
            app: send.app,
            channel: send.channel,
            author: send.author,
            dedup_key: send.dedup_key.clone(),
            id: send.wanted_id.clone(),
        })
        .collect();
    let (mut repeated, mut taken) = (HashMap::new(), HashSet::new());
    for known in batch::find_known(connection, keyed).await? {
        match known.relation {
            1 => {
                repeated.insert(known.slot as usize, known.num);
            }
            _ => {
                taken.insert(known.slot as usize);
            }
        }
    }
    Ok((repeated, taken))
}

/// Gives a message its numbers, and counts it in the head.
fn number(service: &Service, head: &mut Head, send: &Pending, id: Option<&str>, now: Micros) -> MessageRow {
    let in_main = send.parent.is_none();
    head.last_seq += 1;
    head.counted += i64::from(in_main);
    head.message_count += 1;
    head.last_at = now.0.max(head.last_at + 1);
    head.last_num = service.nums.next_above(now, head.last_num);
    let (parent_num, parent_id) = send.parent.clone().unwrap_or_default();
    let (quoted_num, quoted_id) = send.quoted.clone().unwrap_or_default();
    MessageRow {
        num: head.last_num,
        app: send.app,
        id: id.map(str::to_owned),
        channel_num: send.channel,
        seq: head.last_seq,
        kind: kind_number(Kind::Regular),
        author_num: send.author,
        dedup_key: send.dedup_key.clone(),
        client_message_id: send.client_message_id.clone(),
        parent_num,
        parent_id,
        quoted_num,
        quoted_id,
        in_main,
        counted: in_main,
        running: head.counted,
        body: send.text.clone(),
        attachments: send.attachments.clone(),
        mentions: MessageRow::encode_mentions(&send.mentions),
        custom: send.custom.clone(),
        created_at: head.last_at,
        updated_at: head.last_at,
        edited_at: None,
        deleted_at: None,
        pinned_at: None,
        pinned_by: None,
        previews: None,
        preview_due: send.has_links.then_some(head.last_at),
    }
}

impl Plan {
    /// Adds a numbered message, its events, and its author's position.
    fn add(&mut self, service: &Service, head: &mut Head, send: &Pending, row: MessageRow) -> Result<()> {
        let message = row.message()?;
        for payload in payloads(send, &message) {
            let mut event = event_of(payload, send.author, Micros(row.created_at), &send.trace);
            head.last_offset += 1;
            event.policy_version = head.policy_version;
            entries::place(&mut event, head.app, head.stream, head.last_offset, &service.epoch);
            self.events.push(event);
        }
        let key = (row.channel_num, row.author_num);
        let authors = self.authors.entry(row.channel_num).or_default();
        if authors.iter().any(|author| *author != row.author_num) {
            self.blocked.insert(key);
        }
        if !self.blocked.contains(&key) {
            self.follows
                .insert(key, Follow { channel: key.0, user: key.1, seq: row.seq, counted: row.running });
        }
        if row.counted {
            authors.insert(row.author_num);
        }
        self.rows.push(row);
        Ok(())
    }

    fn entries(&self, app: Uuid, now: Micros) -> Vec<EntryRow> {
        self.events
            .iter()
            .map(|event| EntryRow {
                stream: event.stream.as_ref().map_or(0, |stream| chat(stream.num)),
                offset: event.offset as i64,
                app,
                event: entries::stored(event),
                at: now.0,
            })
            .collect()
    }

    fn finish(
        self,
        app: Uuid,
        committed: Option<parlance_sql::Committed>,
        outcomes: Vec<Option<Outcome>>,
    ) -> Result<Stored> {
        let mut announcement = Announcement { app, events: self.events, ..Default::default() };
        for row in &self.rows {
            let at = row.in_main.then_some(row.created_at);
            let known = announcement.touched.entry(row.channel_num).or_default();
            *known = (known.0.max(row.seq), known.1.max(at));
        }
        metrics::counter!("parlance_messages_stored_total").increment(self.rows.len() as u64);
        let has_links = self.rows.iter().any(|row| row.preview_due.is_some());
        let mut stored = self.rows.into_iter();
        let outcomes = outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Some(outcome) => Ok(outcome),
                None => {
                    let row = stored.next().ok_or_else(|| Error::internal("a send lost its row"))?;
                    Ok(Outcome::Stored(Box::new(row.message()?)))
                }
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Stored { committed, announcement, outcomes, has_links })
    }
}

/// What a send tells the channel.
fn payloads(send: &Pending, message: &Message) -> Vec<Payload> {
    let created = || {
        Payload::MessageCreated(MessageCreated { message_num: message.num, message: Some(message.clone()) })
    };
    let Some((parent_num, _)) = send.parent else { return vec![created()] };
    let mut payloads = vec![Payload::ThreadReplied(ThreadReplied {
        message_num: message.num,
        parent_num,
        parent_id: message.parent_id.clone(),
        message: Some(message.clone()),
    })];
    if !send.thread_only {
        payloads.push(created());
    }
    payloads.push(Payload::MessageUpdated(MessageUpdated { message_num: parent_num, ..Default::default() }));
    payloads
}
