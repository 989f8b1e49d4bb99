//! Follows auth's log.

mod user_deleted;

use std::sync::Arc;

use parlance_consumer::{Consumer, LogConsumer, Missed, Step};
use parlance_core::{Caller, Error, Num, Result};
use parlance_proto::event::event::Payload;
use parlance_proto::event::{Event, LogEntry, ReadLogRequest, ReadLogResponse};
use parlance_rpc::Context;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::facts::Facts;
use crate::state::State;

/// The log that is consumed.
pub const LOG: &str = "auth";

/// Consumes the log until `stop`.
pub async fn run(state: Arc<State>, stop: CancellationToken) {
    let consumer = LogConsumer {
        store: state.store.clone(),
        bus: state.bus.clone(),
        clock: state.clock.clone(),
        progress: state.progress.clone(),
        consumer: state,
        stop,
    };
    consumer.run().await;
}

impl Consumer for State {
    const SERVICE: &'static str = "channel";
    const LOG: &'static str = LOG;

    async fn read(&self, request: ReadLogRequest) -> Result<ReadLogResponse> {
        let request = Context::new(Caller::service(Uuid::nil())).request(request);
        Ok(self.auth().read_log(request).await?.into_inner())
    }

    /// A deletion ends a step: each has a transaction of its own, for it may concern many channels.
    fn together(&self, entries: &[LogEntry]) -> usize {
        entries.iter().position(|entry| deleted(entry).is_some()).map_or(entries.len(), |at| at + 1)
    }

    async fn apply(&self, step: &Step) -> Result<(), Missed> {
        let Some((event, user)) = step.entries().last().and_then(deleted) else {
            let write = step.begin().await?.finish().await?;
            self.commit(write, Vec::new()).await?;
            return Ok(());
        };
        let context = context_of(event)?;
        let types = self.types(context.caller.app).await?;
        let now = self.now();
        let turn = step.begin().await?;
        let mut facts = Facts::new(&context, now);
        user_deleted::end_memberships(turn.write(), &context, &types, user, &mut facts, now).await?;
        self.commit(turn.finish().await?, facts.into_events()).await?;
        Ok(())
    }
}

/// The user whose deletion an entry states.
fn deleted(entry: &LogEntry) -> Option<(&Event, Num)> {
    let event = entry.event.as_ref()?;
    match &event.payload {
        Some(Payload::UserDeleted(deleted)) => Some((event, deleted.user_num)),
        _ => None,
    }
}

/// A service's errand in the app and trace of the fact.
fn context_of(event: &Event) -> Result<Context> {
    let app = Uuid::try_parse(&event.app_id).map_err(Error::internal)?;
    Ok(Context::new(Caller::service(app)).with_trace(Some(&event.trace)))
}
