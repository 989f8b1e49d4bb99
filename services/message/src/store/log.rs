//! The entries of all streams as one log, in commit order.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parlance_core::{Error, Result};
use parlance_proto::event::{Event, LogEntry};
use parlance_sql::Store;
use prost::Message as _;
use sea_orm::{ConnectionTrait, FromQueryResult};
use uuid::Uuid;

use super::{entries, query};

/// Longest wait for transactions that may still add entries before ones that are seen already.
const PATIENCE: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(2);

/// How far the log can be read so that no later commit can slip in before what was read.
///
/// A SQLite store has one writer, so its positions are given in commit order. On PostgreSQL positions are
/// given before the transactions commit: entries up to the newest that is seen are complete once all
/// transactions that were running at that moment have ended.
#[derive(Debug, Default)]
pub struct Frontier(AtomicI64);

#[derive(FromQueryResult)]
struct Seen {
    top: i64,
    next_transaction: i64,
}

#[derive(FromQueryResult)]
struct Running {
    oldest: i64,
}

impl Frontier {
    /// The newest position that can be read up to; older than the newest there is while transactions run.
    pub async fn reach(&self, store: &Store, after: i64) -> Result<i64> {
        if !store.is_shared() {
            return entries::top(store.read()).await;
        }
        let connection = store.read();
        let seen: Vec<Seen> = query(
            connection,
            "SELECT COALESCE((SELECT MAX(position) FROM stream_entries), 0) AS top, \
             pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_transaction",
            vec![],
        )
        .await?;
        let seen = seen.into_iter().next().ok_or_else(|| Error::internal("no answer to a question"))?;
        let known = self.0.load(Ordering::Relaxed);
        if seen.top <= known.max(after) {
            return Ok(seen.top);
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let running: Vec<Running> = query(
                connection,
                "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest",
                vec![],
            )
            .await?;
            if running.first().is_some_and(|running| running.oldest >= seen.next_transaction) {
                self.0.fetch_max(seen.top, Ordering::Relaxed);
                return Ok(seen.top);
            }
            if tokio::time::Instant::now() >= deadline {
                return Ok(known);
            }
            tokio::time::sleep(STEP).await;
        }
    }
}

#[derive(FromQueryResult)]
struct Row {
    position: i64,
    stream: i64,
    stream_offset: i64,
    app: Uuid,
    event: Vec<u8>,
}

/// Entries after one position and up to another, in order.
pub async fn between(
    connection: &impl ConnectionTrait,
    after: i64,
    up_to: i64,
    limit: u32,
    epoch: &str,
) -> Result<Vec<LogEntry>> {
    let rows: Vec<Row> = query(
        connection,
        "SELECT position, stream, stream_offset, app, event FROM stream_entries \
         WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3",
        vec![after.into(), up_to.into(), i64::from(limit).into()],
    )
    .await?;
    rows.into_iter()
        .map(|row| {
            let mut event = Event::decode(&*row.event).map_err(Error::internal)?;
            entries::place(&mut event, row.app, row.stream, row.stream_offset, epoch);
            Ok(LogEntry { position: row.position as u64, event: Some(event) })
        })
        .collect()
}
