//! Follows the logs of message and auth.

mod auth;
mod members;
mod message;
mod owners;
mod page;
mod subjects;

use std::sync::Arc;
use std::time::Duration;

use parlance_consumer::{Consumer, LogConsumer};
use parlance_core::{Caller, Error, Result};
use parlance_proto::event::{LogEntry, ReadLogRequest};
use parlance_rpc::Context;
use parlance_sql::{Progress, positions};
use uuid::Uuid;

use crate::service::Service;

/// Pause before a log that does not answer is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the start waits for the logs, so that what happens after it is not missed.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// Starts both consumers. The very first time they begin at the top of their logs: what happened before
/// there was anybody to tell of it is not told.
pub async fn start(service: &Arc<Service>) -> Result<()> {
    spawn(service, Arc::new(auth::Accounts::new(service.clone()))).await?;
    spawn(service, Arc::new(message::Streams::new(service.clone()))).await
}

async fn spawn<C: Consumer>(service: &Arc<Service>, consumer: Arc<C>) -> Result<()> {
    if !positions::exists(&service.store, C::LOG).await? {
        // A log that does not answer yet is waited for beside everything else.
        match tokio::time::timeout(FIRST_LOOK, begin_at_the_top(service, &*consumer)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::info!(log = C::LOG, %error, "the log does not answer yet"),
            Err(_) => tracing::info!(log = C::LOG, "the log does not answer yet"),
        }
    }
    service.tasks.spawn(follow(service.clone(), consumer));
    Ok(())
}

async fn follow<C: Consumer>(service: Arc<Service>, consumer: Arc<C>) {
    let progress = loop {
        match first_position(&service, &*consumer).await {
            Ok(progress) => break progress,
            Err(error) => tracing::warn!(log = C::LOG, %error, "the log cannot be followed yet"),
        }
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    };
    let consumer = LogConsumer {
        consumer,
        store: service.store.clone(),
        bus: service.bus.clone(),
        clock: service.clock.clone(),
        progress: Arc::new(progress),
        stop: service.stop.clone(),
    };
    consumer.run().await;
}

async fn first_position<C: Consumer>(service: &Service, consumer: &C) -> Result<Progress> {
    if !positions::exists(&service.store, C::LOG).await? {
        begin_at_the_top(service, consumer).await?;
    }
    Progress::load(&service.store, C::LOG).await
}

async fn begin_at_the_top<C: Consumer>(service: &Service, consumer: &C) -> Result<()> {
    // A position past all others asks for the newest.
    let request = ReadLogRequest { after_position: i64::MAX as u64, limit: 1 };
    let top = consumer.read(request).await?.top_position;
    positions::begin_at(&service.store, C::LOG, top).await
}

/// A service's errand that concerns no app.
fn nobody() -> Context {
    Context::new(Caller::service(Uuid::nil()))
}

/// The app of an entry.
fn app_of(entry: &LogEntry) -> Result<Option<Uuid>> {
    let Some(event) = &entry.event else { return Ok(None) };
    Uuid::try_parse(&event.app_id).map(Some).map_err(Error::internal)
}
