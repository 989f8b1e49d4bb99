//! Follows auth's log. The bus only wakes; the position stands in our own store.

mod progress;
mod user_deleted;

use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Subscription, Topic};
use parlance_core::{Caller, Error, Micros, Result};
use parlance_proto::event::event::Payload;
use parlance_proto::event::{Event, LogEntry, ReadLogRequest};
use parlance_rpc::Context;
use parlance_sql::positions;
use parlance_telemetry::trace::{self, Kind};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::facts::Facts;
use crate::state::State;

pub use progress::Progress;

const LOG: &str = "auth";
/// Time after which the log is looked at without having been woken.
const SWEEP: Duration = Duration::from_secs(1);

/// Consumes the log until `stop`.
pub async fn run(state: Arc<State>, stop: CancellationToken) {
    let mut bus = listen(&state).await;
    loop {
        if let Err(error) = catch_up(&state).await {
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
        let after_position = positions::load(&state.store, LOG).await?;
        state.progress.advance(after_position);
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
        match trace::start_for_many(Kind::Consumer, "consume auth", traces) {
            Some(step) => trace::within(step.traceparent(), consume(state, page.entries, last)).await?,
            None => consume(state, page.entries, last).await?,
        }
    }
}

/// What the entries ask for, each deletion in a transaction of its own with the position after it.
async fn consume(state: &State, entries: Vec<LogEntry>, last: u64) -> Result<()> {
    for entry in entries {
        let Some(event) = entry.event else { continue };
        let Some(Payload::UserDeleted(deleted)) = &event.payload else { continue };
        let context = context_of(&event)?;
        let types = state.types(context.caller.app).await?;
        let now = state.now();
        let write = state.store.begin().await?;
        let mut facts = Facts::new(&context, now);
        user_deleted::end_memberships(&write, &context, &types, deleted.user_num, &mut facts, now).await?;
        positions::save(&write, LOG, entry.position).await?;
        state.commit(write, facts.into_events()).await?;
    }
    let write = state.store.begin().await?;
    positions::save(&write, LOG, last).await?;
    state.commit(write, Vec::new()).await?;
    Ok(())
}

/// A service's errand in the app and trace of the fact.
fn context_of(event: &Event) -> Result<Context> {
    let app = Uuid::try_parse(&event.app_id).map_err(Error::internal)?;
    Ok(Context::new(Caller::service(app)).with_trace(Some(&event.trace)))
}
