//! The broom: removes sessions that nothing refers to any more.

use std::sync::Arc;
use std::time::Duration;

use parlance_core::Result;
use parlance_sql::within;
use tokio_util::sync::CancellationToken;

use crate::Auth;
use crate::store::sessions;

const EVERY: Duration = Duration::from_secs(15 * 60);
/// Time of one round; the database gives up sooner.
const LIMIT: Duration = Duration::from_secs(30);

pub async fn run(auth: Arc<Auth>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = within(LIMIT, sweep(&auth)).await {
            tracing::warn!(%error, "old sessions were not removed; the next round tries again");
        }
    }
}

async fn sweep(auth: &Auth) -> Result<()> {
    let write = auth.store.begin_relaxed().await?;
    if !write.is_only_one("sweep").await? {
        return Ok(());
    }
    let removed = sessions::purge(&write, auth.clock.now()).await?;
    let _committed = write.commit().await?;
    tracing::debug!(removed, "removed old sessions");
    Ok(())
}
