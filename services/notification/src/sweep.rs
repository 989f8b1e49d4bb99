//! Upkeep: how much waits, and what is kept for long enough.

use std::sync::Arc;
use std::time::Duration;

use parlance_core::{Micros, Result};
use parlance_sql::within;

use crate::service::Service;
use crate::store::deliveries::{self, DEAD, WAITING};
use crate::store::pending;

/// How often the gauges are set.
const EVERY: Duration = Duration::from_secs(5);
/// Rounds of gauges between two prunings.
const PRUNE_ROUNDS: u32 = 12;
/// Time of one step.
const LIMIT: Duration = Duration::from_secs(20);

/// Sweeps until the service stops.
pub async fn run(service: Arc<Service>) {
    let mut ticks = tokio::time::interval(EVERY);
    let mut round = 0;
    loop {
        tokio::select! {
            () = service.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = within(LIMIT, measure(&service)).await {
            tracing::warn!(%error, "the queue cannot be measured for now");
        }
        if round % PRUNE_ROUNDS == 0
            && let Err(error) = prune(&service).await
        {
            tracing::warn!(%error, "old rows were not removed; a later round tries again");
        }
        round += 1;
    }
}

/// Sets the gauges; each replica shows the whole queue.
async fn measure(service: &Service) -> Result<()> {
    let store = service.store.read();
    let (waiting, dead) = (deliveries::depth(store, WAITING).await?, deliveries::depth(store, DEAD).await?);
    let depth = waiting.count + pending::depth(store).await?;
    let age = waiting.oldest_at.map_or(Duration::ZERO, |at| service.now().since(Micros(at)));
    metrics::gauge!("parlance_notification_queue_depth").set(depth as f64);
    metrics::gauge!("parlance_notification_queue_age_seconds").set(age.as_secs_f64());
    metrics::gauge!("parlance_notification_dead_letters").set(dead.count as f64);
    Ok(())
}

/// Removes windows that are over and dead letters that were kept for long enough.
async fn prune(service: &Service) -> Result<()> {
    let now = service.now();
    let before = now - Duration::from_secs(service.settings.dead_letter_s);
    loop {
        let step = within(LIMIT, async {
            let write = service.store.begin_relaxed().await?;
            if !write.is_only_one("notification_prune").await? {
                return Ok(0);
            }
            let windows = pending::prune_windows(write.connection(), now).await?;
            let dead = deliveries::prune_dead(write.connection(), before).await?;
            drop(write.commit().await?);
            Ok(windows + dead)
        });
        if step.await? == 0 {
            return Ok(());
        }
    }
}
