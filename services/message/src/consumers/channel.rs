//! Facts of the channel service: memberships and channels, appended to the streams by the one writer
//! of streams. Positions, entries and effects are written in one transaction.

use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Item, Topic};
use parlance_core::{Caller, Error, Micros, Num, Reason, Result};
use parlance_proto::event::{
    Event, LogEntry, MemberUpdated, ReadLogRequest, Stream, event::Payload, stream::Kind,
};
use parlance_rpc::Context;
use parlance_sql::{Store, Write, positions as log_positions};
use parlance_telemetry::trace::{self, Kind as Step};
use sea_orm::DatabaseTransaction;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::commit::Announcement;
use crate::service::Service;
use crate::store::heads::{self, Head};
use crate::store::{chat, entries, messages, positions, user};

const SERVICE: &str = "channel";
const PAGE: u32 = 200;
/// The log is read this often even if nothing woke the consumer.
const SWEEP: Duration = Duration::from_secs(1);

/// How far the channel log has been consumed, and a way to hurry.
pub struct Facts {
    position: watch::Sender<u64>,
    poke: Notify,
}

impl Facts {
    pub async fn load(store: &Store) -> Result<Self> {
        let position = log_positions::load(store, SERVICE).await?;
        Ok(Self { position: watch::channel(position).0, poke: Notify::new() })
    }

    /// Returns once facts up to `position` are in the streams.
    pub async fn reach(&self, position: u64, context: &Context) -> Result<()> {
        let mut reached = self.position.subscribe();
        if *reached.borrow_and_update() >= position {
            return Ok(());
        }
        self.poke.notify_one();
        let deadline = tokio::time::Instant::from_std(context.deadline);
        match tokio::time::timeout_at(deadline, reached.wait_for(|at| *at >= position)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::unavailable("the service is stopping")),
            Err(_) => Err(Error::new(Reason::DeadlinePassed, "facts did not arrive in time")),
        }
    }

    /// Returns once everything that is in the log now is in the streams.
    pub async fn catch_up(&self, service: &Service, context: &Context) -> Result<()> {
        let request = ReadLogRequest { after_position: u64::MAX >> 1, limit: 1 };
        let answer = service.channel.clone().read_log(context.as_service().request(request)).await?;
        self.reach(answer.into_inner().top_position, context).await
    }
}

/// Consumes until the service stops.
pub async fn consume(service: Arc<Service>) {
    let mut wakes = None;
    loop {
        if wakes.is_none() {
            wakes = subscribe(&service).await;
        }
        let consumed = consume_page(&service).await;
        if let Err(error) = &consumed {
            tracing::warn!(%error, "facts of the channel service could not be consumed; trying again");
        }
        if matches!(consumed, Ok(more) if more) {
            continue;
        }
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = service.facts.poke.notified() => {}
            () = tokio::time::sleep(SWEEP) => {}
            woken = next(&mut wakes) => if !woken { wakes = None },
        }
    }
}

async fn subscribe(service: &Service) -> Option<Box<dyn parlance_bus::Subscription>> {
    let subscription = service.bus.subscribe().await.ok()?;
    subscription.topics().listen(Topic::Log(SERVICE)).await.ok()?;
    Some(subscription)
}

/// Waits for a wake; false = the subscription ended.
async fn next(wakes: &mut Option<Box<dyn parlance_bus::Subscription>>) -> bool {
    match wakes {
        Some(subscription) => {
            matches!(subscription.recv().await, Some(Item::Message(..) | Item::Lagged))
        }
        None => std::future::pending().await,
    }
}

/// Reads and applies one page; true = there may be more.
async fn consume_page(service: &Service) -> Result<bool> {
    let after = *service.facts.position.borrow();
    let context = Context::new(Caller::service(Uuid::nil()));
    let request = context.request(ReadLogRequest { after_position: after, limit: PAGE });
    let page = service.channel.clone().read_log(request).await?.into_inner();
    let lag = page.top_position.saturating_sub(after);
    metrics::gauge!("parlance_consumer_lag", "service" => "message", "log" => SERVICE).set(lag as f64);
    let oldest = page.entries.first().and_then(|entry| entry.event.as_ref()?.occurred_at.as_ref());
    let age = oldest.and_then(Micros::from_timestamp).map_or(0.0, |at| service.now().since(at).as_secs_f64());
    metrics::gauge!("parlance_consumer_lag_seconds", "service" => "message", "log" => SERVICE).set(age);
    let Some(last) = page.entries.last().map(|entry| entry.position) else { return Ok(false) };
    let more = last < page.top_position;
    let facts = page.entries.iter().filter_map(|entry| entry.event.as_ref());
    let mut step =
        trace::start_for_many(Step::Consumer, "consume channel", facts.map(|fact| fact.trace.as_str()));
    if let Some(step) = &mut step {
        step.set("parlance.batch.facts", page.entries.len() as i64);
    }
    let place = step.as_ref().map(|step| step.traceparent().to_owned()).unwrap_or_default();

    let write = service.store.begin().await?;
    let mut told = Vec::new();
    for LogEntry { event, position } in page.entries {
        let Some(event) = event else { continue };
        let Ok(app) = Uuid::try_parse(&event.app_id) else {
            tracing::error!(position, "a fact without an app is skipped");
            continue;
        };
        let mut applied = Vec::new();
        apply(service, &write, app, event, &mut applied).await?;
        told.push((app, applied));
    }
    log_positions::save(&write, SERVICE, last).await?;
    // Held until all announcements stand in the queue.
    let committed = write.commit().await?;
    for (app, events) in told {
        service.announcer.announce_uncommitted(Announcement {
            app,
            events,
            trace: place.clone(),
            ..Default::default()
        });
    }
    drop(committed);
    service.facts.position.send_replace(last);
    Ok(more)
}

/// Applies one fact; events to be published are added to `told` in order.
async fn apply(
    service: &Service,
    write: &Write,
    app: Uuid,
    fact: Event,
    told: &mut Vec<Event>,
) -> Result<()> {
    let connection = write.connection();
    let Some(payload) = fact.payload.clone() else { return Ok(()) };
    match payload {
        Payload::ChannelCreated(created) => {
            let mut head = heads::lock_or_create(connection, app, chat(created.channel_num)).await?;
            head.policy_version = head.policy_version.max(fact.policy_version);
            head.member_count = created.member_nums.len() as i64;
            heads::save(connection, &head).await?;
            for &member in &created.member_nums {
                positions::start(connection, app, created.channel_num, member, 0, 0).await?;
            }
            for &member in &created.member_nums {
                told.push(append(service, connection, app, user(member), &fact).await?);
            }
            if created.discoverable {
                told.push(broadcast(&fact));
            }
        }
        Payload::ChannelUpdated(updated) => {
            told.push(append(service, connection, app, chat(updated.channel_num), &fact).await?);
        }
        Payload::ChannelDeleted(deleted) => {
            let mut head = heads::lock_or_create(connection, app, chat(deleted.channel_num)).await?;
            let unnamed = head.member_count > deleted.member_nums.len() as i64;
            told.push(append_to(service, connection, &mut head, &fact).await?);
            positions::end_all(connection, app, deleted.channel_num).await?;
            for &member in &deleted.member_nums {
                told.push(append(service, connection, app, user(member), &fact).await?);
            }
            if deleted.discoverable || unnamed {
                told.push(broadcast(&fact));
            }
        }
        Payload::MemberJoined(joined) => {
            let seq = joined.joined_seq as i64;
            let counted = counted_at(connection, app, joined.channel_num, seq).await?;
            positions::start(connection, app, joined.channel_num, joined.user_num, seq, counted).await?;
            let count = i64::from(joined.member_count);
            told.push(append_member(service, connection, app, joined.channel_num, count, &fact).await?);
            told.push(append(service, connection, app, user(joined.user_num), &fact).await?);
        }
        Payload::MemberLeft(left) => {
            positions::end(connection, app, left.channel_num, left.user_num).await?;
            let count = i64::from(left.member_count);
            told.push(append_member(service, connection, app, left.channel_num, count, &fact).await?);
            told.push(append(service, connection, app, user(left.user_num), &fact).await?);
        }
        Payload::MemberUpdated(updated) => {
            let MemberUpdated { channel_num, user_num, muted, .. } = updated;
            positions::set_muted(connection, app, channel_num, user_num, muted).await?;
            let mut head = heads::lock_or_create(connection, app, chat(channel_num)).await?;
            head.policy_version = head.policy_version.max(fact.policy_version);
            heads::save(connection, &head).await?;
            told.push(live_only(&fact, Kind::User, user_num));
        }
        // Other facts of the log concern other consumers.
        _ => {}
    }
    Ok(())
}

/// Appends a fact to a stream.
async fn append(
    service: &Service,
    connection: &DatabaseTransaction,
    app: Uuid,
    stream: i64,
    fact: &Event,
) -> Result<Event> {
    let mut head = heads::lock_or_create(connection, app, stream).await?;
    append_to(service, connection, &mut head, fact).await
}

/// Appends a membership fact to a channel's stream, and takes over the number of members.
async fn append_member(
    service: &Service,
    connection: &DatabaseTransaction,
    app: Uuid,
    channel: Num,
    member_count: i64,
    fact: &Event,
) -> Result<Event> {
    let mut head = heads::lock_or_create(connection, app, chat(channel)).await?;
    head.member_count = member_count;
    append_to(service, connection, &mut head, fact).await
}

async fn append_to(
    service: &Service,
    connection: &DatabaseTransaction,
    head: &mut Head,
    fact: &Event,
) -> Result<Event> {
    let mut event = fact.clone();
    head.policy_version = head.policy_version.max(fact.policy_version);
    entries::append(connection, head, &mut event, &service.epoch, service.now()).await?;
    heads::save(connection, head).await?;
    Ok(event)
}

/// Everybody of the app may see it: delivered to connected users, not kept for others.
fn broadcast(fact: &Event) -> Event {
    live_only(fact, Kind::App, 0)
}

fn live_only(fact: &Event, kind: Kind, num: Num) -> Event {
    Event { stream: Some(Stream { kind: kind.into(), num }), offset: 0, ..fact.clone() }
}

/// Counted messages of a channel up to a seq.
async fn counted_at(connection: &DatabaseTransaction, app: Uuid, channel: Num, seq: i64) -> Result<i64> {
    match heads::find(connection, app, vec![chat(channel)]).await?.remove(&chat(channel)) {
        Some(head) if head.last_seq <= seq => Ok(head.counted),
        Some(_) => messages::running_at(connection, channel, seq).await,
        None => Ok(0),
    }
}
