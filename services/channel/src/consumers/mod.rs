//! Follows auth's log. The bus only wakes; the position stands in our own store. Of several replicas
//! the one that holds the position's row consumes, the others wait for what it does.

mod user_deleted;

use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Subscription, Topic};
use parlance_core::{Caller, Error, Micros, Num, Result};
use parlance_proto::event::event::Payload;
use parlance_proto::event::{Event, LogEntry, ReadLogRequest};
use parlance_rpc::Context;
use parlance_sql::{positions, retrying, within};
use parlance_telemetry::trace::{self, Kind};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::facts::Facts;
use crate::state::State;

/// The log that is consumed.
pub const LOG: &str = "auth";
/// Time after which the log is looked at without having been woken.
const SWEEP: Duration = Duration::from_secs(1);
/// Time for everything that is in the log; the next round goes on where it ended.
const LIMIT: Duration = Duration::from_secs(60);
/// Looks at the position of a replica that is at work before its work is tried to be taken over.
const LOOKS: u32 = 6;

/// Consumes the log until `stop`.
pub async fn run(state: Arc<State>, stop: CancellationToken) {
    let mut bus = listen(&state).await;
    loop {
        if let Err(error) = within(LIMIT, catch_up(&state)).await {
            tracing::warn!(%error, log = LOG, "the log could not be consumed; trying again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
            () = state.progress.wanted() => {}
            () = woken(bus.as_mut()) => {}
        }
    }
}

/// `None` = the bus is away; the sweep does its work.
async fn listen(state: &State) -> Option<Box<dyn Subscription>> {
    let listening = async {
        let subscription = state.bus.subscribe().await?;
        subscription.topics().listen(Topic::Log(LOG)).await?;
        Ok::<_, Error>(subscription)
    };
    listening.await.inspect_err(|error| tracing::warn!(%error, "the bus takes no subscription")).ok()
}

async fn woken(bus: Option<&mut Box<dyn Subscription>>) {
    let item = match bus {
        Some(bus) => bus.recv().await,
        None => None,
    };
    if item.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Consumes all that is in the log.
async fn catch_up(state: &State) -> Result<()> {
    loop {
        let after_position = state.progress.look().await?;
        let context = Context::new(Caller::service(Uuid::nil()));
        let request = context.request(ReadLogRequest { after_position, limit: 0 });
        let page = state.auth().read_log(request).await?.into_inner();
        let lag = page.top_position.saturating_sub(after_position);
        metrics::gauge!("parlance_consumer_lag", "service" => "channel", "log" => LOG).set(lag as f64);
        let oldest = page.entries.first().and_then(|entry| entry.event.as_ref()?.occurred_at.as_ref());
        let age =
            oldest.and_then(Micros::from_timestamp).map_or(0.0, |at| state.now().since(at).as_secs_f64());
        metrics::gauge!("parlance_consumer_lag_seconds", "service" => "channel", "log" => LOG).set(age);
        let Some(last) = page.entries.last().map(|entry| entry.position) else { return Ok(()) };
        let facts = page.entries.iter().filter_map(|entry| entry.event.as_ref());
        let traces = facts.map(|fact| fact.trace.as_str());
        let step = trace::start_for_many(Kind::Consumer, "consume auth", traces);
        let consumed = consume(state, after_position, page.entries, last);
        let done = match &step {
            Some(step) => trace::within(step.traceparent(), consumed).await?,
            None => consumed.await?,
        };
        if !done {
            wait_for_other(state, after_position).await?;
        }
    }
}

/// Waits until another replica has come further, or for long enough to find out what keeps it.
async fn wait_for_other(state: &State, after: u64) -> Result<()> {
    for look in 1..=LOOKS {
        parlance_sql::pause(look.min(3)).await;
        if state.progress.look().await? > after {
            return Ok(());
        }
    }
    Ok(())
}

/// What the entries ask for, each deletion in a transaction of its own with the position after it.
/// False = another replica is at it.
async fn consume(state: &State, after: u64, entries: Vec<LogEntry>, last: u64) -> Result<bool> {
    let mut at = after;
    for entry in entries {
        let Some(event) = entry.event else { continue };
        let Some(Payload::UserDeleted(deleted)) = &event.payload else { continue };
        if !retrying(|| end_memberships(state, at, entry.position, &event, deleted.user_num)).await? {
            return Ok(false);
        }
        at = entry.position;
    }
    let write = state.store.begin().await?;
    if positions::lock(&write, LOG).await? != Some(at) {
        write.rollback().await?;
        return Ok(false);
    }
    positions::save(&write, LOG, last).await?;
    state.commit(write, Vec::new()).await?;
    Ok(true)
}

/// Consumes one deletion, if the position still is where it is expected.
async fn end_memberships(state: &State, from: u64, to: u64, event: &Event, user: Num) -> Result<bool> {
    let context = context_of(event)?;
    let types = state.types(context.caller.app).await?;
    let now = state.now();
    let write = state.store.begin().await?;
    if positions::lock(&write, LOG).await? != Some(from) {
        write.rollback().await?;
        return Ok(false);
    }
    let mut facts = Facts::new(&context, now);
    user_deleted::end_memberships(&write, &context, &types, user, &mut facts, now).await?;
    positions::save(&write, LOG, to).await?;
    state.commit(write, facts.into_events()).await?;
    state.progress.advance(to);
    Ok(true)
}

/// A service's errand in the app and trace of the fact.
fn context_of(event: &Event) -> Result<Context> {
    let app = Uuid::try_parse(&event.app_id).map_err(Error::internal)?;
    Ok(Context::new(Caller::service(app)).with_trace(Some(&event.trace)))
}
