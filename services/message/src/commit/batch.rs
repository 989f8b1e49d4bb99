//! The transaction behind a batch of sends: at most six statements, whatever its size.
//!
//! 1. lock the stream heads of the channels, in order;
//! 2. find repeats (only if a send brought a key);
//! 3. insert the messages; 4. insert the stream entries; 5. save the heads;
//! 6. move the authors' own read positions.

use std::collections::{HashMap, HashSet};

use parlance_core::{Error, Micros, Num, Result};
use parlance_proto::event::{Event, MessageCreated, MessageUpdated, ThreadReplied, event::Payload};
use parlance_proto::message::{Message, message::Kind};
use parlance_sql::store_error;
use parlance_telemetry::trace::{self, Kind as Step};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Ack, Announcement, Outcome, Pending};
use crate::channel_write::event_of;
use crate::service::Service;
use crate::store::batch::{self, EntryRow, Follow, Keyed};
use crate::store::heads::{self, Head};
use crate::store::rows::{MessageRow, kind_number};
use crate::store::{chat, entries, messages};

type Waiting = (Pending, oneshot::Sender<Outcome>);

/// Commits a batch and answers every sender. If the batch fails as a whole, each send is tried alone,
/// so that one bad row does not fail its neighbours.
pub async fn commit(service: &Service, waiting: Vec<Waiting>) {
    let mut by_app: HashMap<Uuid, Vec<Waiting>> = HashMap::new();
    for item in waiting {
        by_app.entry(item.0.app).or_default().push(item);
    }
    for (app, waiting) in by_app {
        let (sends, replies): (Vec<Pending>, Vec<_>) = waiting.into_iter().unzip();
        match store(service, app, &sends).await {
            Ok(stored) => stored.announce(service, replies),
            Err(_) if sends.len() > 1 => {
                for (send, reply) in sends.into_iter().zip(replies) {
                    match store(service, app, std::slice::from_ref(&send)).await {
                        Ok(stored) => stored.announce(service, vec![reply]),
                        Err(error) => fail(vec![reply], error),
                    }
                }
            }
            Err(error) => fail(replies, error),
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
}

impl Stored {
    fn announce(mut self, service: &Service, replies: Vec<oneshot::Sender<Outcome>>) {
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

/// Stores a batch, as one step of the traces of its sends.
async fn store(service: &Service, app: Uuid, sends: &[Pending]) -> Result<Stored> {
    let traces = sends.iter().map(|send| send.trace.as_str());
    let Some(mut step) = trace::start_for_many(Step::Internal, "commit", traces) else {
        return write(service, app, sends).await;
    };
    step.set("parlance.batch.messages", sends.len() as i64);
    let place = step.traceparent().to_owned();
    let mut stored = trace::within(&place, write(service, app, sends))
        .await
        .inspect_err(|error| step.fail(error.reason.as_str()))?;
    stored.announcement.trace = place;
    Ok(stored)
}

async fn write(service: &Service, app: Uuid, sends: &[Pending]) -> Result<Stored> {
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
        write.rollback().await?;
        let outcomes = outcomes.into_iter().flatten().collect();
        return Ok(Stored {
            committed: None,
            announcement: Announcement { app, ..Default::default() },
            outcomes,
        });
    }
    let touched: HashSet<i64> = plan.rows.iter().map(|row| chat(row.channel_num)).collect();
    batch::insert_messages(connection, &plan.rows).await.map_err(store_error)?;
    batch::insert_entries(connection, plan.entries(app, now)).await.map_err(store_error)?;
    batch::save_heads(connection, heads.values().filter(|head| touched.contains(&head.stream)).collect())
        .await
        .map_err(store_error)?;
    let follows = std::mem::take(&mut plan.follows).into_values().collect();
    batch::follow_authors(connection, follows).await.map_err(store_error)?;

    let committed = match write.commit().await {
        Ok(committed) => Some(committed),
        Err(error) => {
            outcome_of_lost_commit(service, app, &plan.rows, error).await?;
            None
        }
    };
    plan.finish(app, committed, outcomes)
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
        Ok(Stored { committed, announcement, outcomes })
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
    payloads.push(Payload::MessageUpdated(MessageUpdated { message_num: parent_num, message: None }));
    payloads
}

/// The connection was lost while committing: what the database says now decides. `Ok` = it holds.
async fn outcome_of_lost_commit(
    service: &Service,
    app: Uuid,
    rows: &[MessageRow],
    error: Error,
) -> Result<()> {
    let nums: Vec<Num> = rows.iter().map(|row| row.num).collect();
    match messages::by_nums(service.store.read(), app, nums).await {
        Ok(found) if found.len() == rows.len() => Ok(()),
        _ => Err(error),
    }
}
