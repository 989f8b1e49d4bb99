//! What became of a commit whose answer was lost.

use std::time::{Duration, Instant};

use parlance_core::{Error, Num, Result};
use parlance_sql::within;
use uuid::Uuid;

use crate::service::Service;
use crate::store::rows::MessageRow;
use crate::store::{chat, heads, messages};

/// Time in which the outcome must be known; after it the senders are told to repeat.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time of one question.
const QUESTION: Duration = Duration::from_secs(4);

/// The connection was lost while committing: what the database says now decides. `Ok` = it holds.
///
/// The lost transaction may still be on its way, holding the heads of its channels, so they are locked
/// before the question: whoever gets them sees what it has left.
pub async fn of_lost_commit(service: &Service, app: Uuid, rows: &[MessageRow], error: Error) -> Result<()> {
    metrics::counter!("parlance_commits_unknown_total").increment(1);
    let started = Instant::now();
    let mut attempt = 1;
    loop {
        match within(QUESTION, holds(service, app, rows)).await {
            Ok(true) => return Ok(()),
            Ok(false) => return Err(error),
            Err(again) if started.elapsed() > PATIENCE => {
                tracing::error!(cause = %again, "the outcome of a commit stays unknown; its senders will repeat");
                return Err(Error::unavailable("it is not known whether the message was stored; repeat it"));
            }
            Err(_) => {
                parlance_sql::pause(attempt).await;
                attempt += 1;
            }
        }
    }
}

async fn holds(service: &Service, app: Uuid, rows: &[MessageRow]) -> Result<bool> {
    let mut streams: Vec<i64> = rows.iter().map(|row| chat(row.channel_num)).collect();
    streams.sort_unstable();
    streams.dedup();
    let nums: Vec<Num> = rows.iter().map(|row| row.num).collect();
    let write = service.store.begin().await?;
    heads::lock(write.connection(), app, streams).await?;
    let found = messages::by_nums(write.connection(), app, nums).await?;
    write.rollback().await?;
    Ok(found.len() == rows.len())
}
