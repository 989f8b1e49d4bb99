//! Facts of the channel service: memberships and channels, appended to the streams by the one writer
//! of streams. Position, entries and effects are written in one transaction; whichever replica holds the
//! position's row writes, the others wait for what it wrote.

use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Item, Topic};
use parlance_core::{Caller, Micros, Result};
use parlance_proto::event::{LogEntry, ReadLogRequest};
use parlance_rpc::Context;
use parlance_sql::{positions as log_positions, retrying, within};
use parlance_telemetry::trace::{self, Kind as Step};
use uuid::Uuid;

use super::apply::{Fact, apply};
use crate::service::Service;

/// The log that is consumed.
pub const LOG: &str = "channel";
const PAGE: u32 = 200;
/// The log is read this often even if nothing woke the consumer.
const SWEEP: Duration = Duration::from_secs(1);
/// Time for one page; the database gives up sooner.
const PAGE_LIMIT: Duration = Duration::from_secs(30);
/// Looks at the position of a replica that is at work before its work is tried to be taken over.
const LOOKS: u32 = 6;

/// What became of a page, and the position where the consumer stands then.
#[derive(Clone, Copy)]
enum Page {
    /// There may be more.
    More(u64),
    /// Nothing was left.
    End(u64),
    /// Another replica is at it, after this position.
    Busy(u64),
    /// The stored position is further back than it was: the database was restored.
    MovedBack(u64),
}

impl Page {
    fn position(self) -> u64 {
        match self {
            Self::More(at) | Self::End(at) | Self::Busy(at) | Self::MovedBack(at) => at,
        }
    }
}

/// Returns once everything that is in the log now is in the streams.
pub async fn catch_up(service: &Service, context: &Context) -> Result<()> {
    let request = ReadLogRequest { after_position: u64::MAX >> 1, limit: 1 };
    let answer = service.channel.clone().read_log(context.as_service().request(request)).await?;
    service.facts.reach(answer.into_inner().top_position, context.deadline).await
}

/// Consumes until the service stops.
pub async fn consume(service: Arc<Service>) {
    let mut wakes = None;
    // Where a restored database stands, until it has come as far as it was before.
    let mut behind: Option<u64> = None;
    loop {
        if wakes.is_none() {
            wakes = subscribe(&service).await;
        }
        service.announcer.room().await;
        let after = behind.unwrap_or_else(|| service.facts.current());
        let done = within(PAGE_LIMIT, retrying(|| consume_page(&service, after))).await;
        if let Ok(page) = &done {
            behind = Some(page.position()).filter(|at| *at < service.facts.current());
        }
        match done {
            Ok(Page::More(_)) if !service.stop.is_cancelled() => continue,
            Ok(Page::Busy(after)) if !service.stop.is_cancelled() => {
                wait_for_other(&service, after).await;
                continue;
            }
            Ok(Page::MovedBack(position)) => {
                tracing::warn!(
                    position,
                    before = after,
                    "the position in the channel log moved back; from there again"
                );
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "facts of the channel service could not be consumed; trying again");
            }
        }
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = service.facts.wanted() => {}
            () = tokio::time::sleep(SWEEP) => {}
            woken = next(&mut wakes) => if !woken { wakes = None },
        }
    }
}

/// Waits until another replica has come further, or for long enough to find out what keeps it.
async fn wait_for_other(service: &Service, after: u64) {
    for look in 1..=LOOKS {
        parlance_sql::pause(look.min(3)).await;
        match service.facts.look().await {
            Ok(position) if position > after => return,
            _ => {}
        }
    }
}

async fn subscribe(service: &Service) -> Option<Box<dyn parlance_bus::Subscription>> {
    let subscription = service.bus.subscribe().await.ok()?;
    subscription.topics().listen(Topic::Log(LOG)).await.ok()?;
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

/// Reads and applies one page.
async fn consume_page(service: &Service, after: u64) -> Result<Page> {
    let context = Context::new(Caller::service(Uuid::nil()));
    let request = context.request(ReadLogRequest { after_position: after, limit: PAGE });
    let page = service.channel.clone().read_log(request).await?.into_inner();
    let lag = page.top_position.saturating_sub(after);
    metrics::gauge!("parlance_consumer_lag", "service" => "message", "log" => LOG).set(lag as f64);
    let oldest = page.entries.first().and_then(|entry| entry.event.as_ref()?.occurred_at.as_ref());
    let age = oldest.and_then(Micros::from_timestamp).map_or(0.0, |at| service.now().since(at).as_secs_f64());
    metrics::gauge!("parlance_consumer_lag_seconds", "service" => "message", "log" => LOG).set(age);
    let Some(last) = page.entries.last().map(|entry| entry.position) else {
        return Ok(Page::End(after));
    };

    let write = service.store.begin().await?;
    match log_positions::lock(&write, LOG).await? {
        Some(position) if position == after => {}
        Some(position) if position < after => {
            write.rollback().await?;
            return Ok(Page::MovedBack(position));
        }
        // Another replica has applied these, or a part of them.
        Some(position) => {
            write.rollback().await?;
            service.facts.advance(position);
            return Ok(Page::More(position));
        }
        None => {
            write.rollback().await?;
            return Ok(Page::Busy(after));
        }
    }
    let facts = page.entries.iter().filter_map(|entry| entry.event.as_ref());
    let mut step =
        trace::start_for_many(Step::Consumer, "consume channel", facts.map(|fact| fact.trace.as_str()));
    if let Some(step) = &mut step {
        step.set("parlance.batch.facts", page.entries.len() as i64);
    }
    let place = step.as_ref().map(|step| step.traceparent().to_owned()).unwrap_or_default();
    let announcements = apply(service, &write, page.entries.into_iter().filter_map(fact).collect()).await?;
    log_positions::save(&write, LOG, last).await?;
    // Held until all announcements stand in the queue.
    let committed = write.commit().await?;
    for mut announcement in announcements {
        announcement.trace.clone_from(&place);
        service.announcer.announce_uncommitted(announcement);
    }
    drop(committed);
    service.facts.advance(last);
    Ok(if last < page.top_position { Page::More(last) } else { Page::End(last) })
}

fn fact(entry: LogEntry) -> Option<Fact> {
    let event = entry.event?;
    match Uuid::try_parse(&event.app_id) {
        Ok(app) => Some(Fact { app, event }),
        Err(_) => {
            tracing::error!(position = entry.position, "a fact without an app is skipped");
            None
        }
    }
}
