//! Link previews: found beside the message path, written with the event that tells of them.
//!
//! A send stores its job in the message's own row, so that it costs no statement more. A task of each
//! replica takes due jobs for a while, asks the link-preview service, and writes results in batches; what
//! a replica that died had taken is due again when its time is over.

mod resolve;
mod write;

use std::sync::Arc;
use std::time::Duration;

use parlance_core::Result;
use parlance_rpc::LinkPreviewClient;
use parlance_sql::within;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use self::resolve::Resolved;
use crate::service::Service;
use crate::store::previews;

/// Messages whose links are looked up at once.
const AT_ONCE: usize = 32;
/// Due jobs are looked for this often even if nobody says that there are some.
const SWEEP: Duration = Duration::from_secs(1);
/// How long a replica has a job.
const LEASE: Duration = Duration::from_secs(30);
/// Results are gathered for so long before they are written together.
const GATHER: Duration = Duration::from_millis(20);
/// Time for what the database does.
const LIMIT: Duration = Duration::from_secs(10);

/// Finds previews until the service stops.
pub async fn run(service: Arc<Service>, client: LinkPreviewClient) {
    if !service.store.is_shared()
        && let Err(error) = within(LIMIT, take_back(&service)).await
    {
        tracing::warn!(%error, "link previews that an earlier process had begun wait for their time");
    }
    let mut work: JoinSet<Resolved> = JoinSet::new();
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let free = AT_ONCE - work.len();
        match within(LIMIT, claim(&service, free)).await {
            Ok(jobs) => {
                for job in jobs {
                    work.spawn(resolve::resolve(job, client.clone(), service.clock.clone()));
                }
            }
            Err(error) => tracing::warn!(%error, "link previews are not looked for; it is tried again"),
        }
        tokio::select! {
            () = service.stop.cancelled() => return,
            Some(first) = work.join_next(), if !work.is_empty() => {
                tokio::time::sleep(GATHER).await;
                let mut done: Vec<Resolved> = first.into_iter().collect();
                while let Some(more) = work.try_join_next() {
                    done.extend(more);
                }
                service.announcer.room().await;
                if let Err(error) = within(LIMIT, write::write(&service, done)).await {
                    tracing::warn!(%error, "link previews were not written; they are looked up again");
                }
            }
            () = service.previews.notified(), if work.len() < AT_ONCE => {}
            _ = ticks.tick() => {}
        }
    }
}

/// What an earlier process of a store that nobody shares had taken is due now.
async fn take_back(service: &Service) -> Result<()> {
    let write = service.store.begin_relaxed().await?;
    previews::all_due(write.connection(), service.now()).await?;
    drop(write.commit().await?);
    Ok(())
}

async fn claim(service: &Service, most: usize) -> Result<Vec<previews::Job>> {
    let now = service.now();
    if most == 0 || !previews::is_one_due(service.store.read(), now).await? {
        return Ok(Vec::new());
    }
    let write = service.store.begin_relaxed().await?;
    let jobs = previews::claim(write.connection(), now, now + LEASE, most).await?;
    drop(write.commit().await?);
    Ok(jobs)
}
