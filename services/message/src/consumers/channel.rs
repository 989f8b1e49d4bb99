//! Facts of the channel service: memberships and channels, appended to the streams by the one writer
//! of streams. Position, entries and effects of a page are written in one transaction.

use std::sync::Arc;

use parlance_consumer::{Consumer, LogConsumer, Missed, Step};
use parlance_core::{Caller, Result};
use parlance_proto::event::{LogEntry, ReadLogRequest, ReadLogResponse};
use parlance_rpc::Context;
use uuid::Uuid;

use super::apply::{Fact, apply};
use crate::service::Service;

/// The log that is consumed.
pub const LOG: &str = "channel";

/// Returns once everything that is in the log now is in the streams.
pub async fn catch_up(service: &Service, context: &Context) -> Result<()> {
    let request = ReadLogRequest { after_position: u64::MAX >> 1, limit: 1 };
    let answer = service.channel.clone().read_log(context.as_service().request(request)).await?;
    service.facts.reach(answer.into_inner().top_position, context.deadline).await
}

/// Consumes until the service stops.
pub async fn consume(service: Arc<Service>) {
    let consumer = LogConsumer {
        store: service.store.clone(),
        bus: service.bus.clone(),
        clock: service.clock.clone(),
        progress: service.facts.clone(),
        stop: service.stop.clone(),
        consumer: service,
    };
    consumer.run().await;
}

impl Consumer for Service {
    const SERVICE: &'static str = "message";
    const LOG: &'static str = LOG;

    async fn read(&self, request: ReadLogRequest) -> Result<ReadLogResponse> {
        let request = Context::new(Caller::service(Uuid::nil())).request(request);
        Ok(self.channel.clone().read_log(request).await?.into_inner())
    }

    /// Announcements of facts wait like those of messages.
    async fn room(&self) {
        self.announcer.room().await;
    }

    async fn apply(&self, step: &Step) -> Result<(), Missed> {
        let turn = step.begin().await?;
        let facts = step.entries().iter().filter_map(fact).collect();
        let announcements = apply(self, turn.write(), facts).await?;
        let trace = turn.trace().to_owned();
        // Held until all announcements stand in the queue.
        let committed = turn.finish().await?.commit().await?;
        for mut announcement in announcements {
            announcement.trace.clone_from(&trace);
            self.announcer.announce_uncommitted(announcement);
        }
        drop(committed);
        Ok(())
    }
}

fn fact(entry: &LogEntry) -> Option<Fact> {
    let event = entry.event.clone()?;
    match Uuid::try_parse(&event.app_id) {
        Ok(app) => Some(Fact { app, event }),
        Err(_) => {
            tracing::error!(position = entry.position, "a fact without an app is skipped");
            None
        }
    }
}
