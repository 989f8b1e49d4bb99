//! New messages noted in their channels: one statement for a batch of any usual size.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use parlance_core::{Micros, Num, Result};
use parlance_sql::{Store, Write, store_error};
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

/// Statements exist for 1, 2, 4 … 128 rows; a batch is padded with rows that match no channel.
const SIZES: usize = 8;
const LARGEST: usize = 1 << (SIZES - 1);

/// Newest seq and time of one channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    pub last_seq: i64,
    pub at: Micros,
}

impl Activity {
    /// The newer of both, in either respect.
    pub fn newest(self, other: Self) -> Self {
        Self { last_seq: self.last_seq.max(other.last_seq), at: self.at.max(other.at) }
    }
}

/// Raises seq and time of these channels, never lowers them. A channel is known by its num alone, for
/// a commit batch may hold messages of several apps; only services come here.
///
/// Not durable at once, and that does no harm. The messages themselves are message's, and durable before
/// this. Whatever is decided by what is written here (the read start of who joins) is committed durably
/// after it, which makes this durable too. What a crash undoes is noted again: on a PostgreSQL server by
/// the replica that remembers it (`touches.rs`), on SQLite by message, which tells it again when it starts.
pub async fn touch(store: &Store, activities: &BTreeMap<Num, Activity>) -> Result<()> {
    if activities.is_empty() {
        return Ok(());
    }
    touch_all(store.begin_relaxed().await?, activities).await
}

/// The same, durable.
pub async fn touch_durably(store: &Store, activities: &BTreeMap<Num, Activity>) -> Result<()> {
    touch_all(store.begin().await?, activities).await
}

async fn touch_all(write: Write, activities: &BTreeMap<Num, Activity>) -> Result<()> {
    // In rising order, so that two batches never wait for each other's rows.
    let rows: Vec<(Num, Activity)> = activities.iter().map(|(num, activity)| (*num, *activity)).collect();
    for batch in rows.chunks(LARGEST) {
        touch_batch(&write, batch).await?;
    }
    drop(write.commit().await?);
    Ok(())
}

async fn touch_batch(write: &Write, batch: &[(Num, Activity)]) -> Result<()> {
    let size = batch.len().next_power_of_two();
    let filler = std::iter::repeat_n(&(0, Activity { last_seq: 0, at: Micros(0) }), size - batch.len());
    let values: Vec<Value> = batch
        .iter()
        .chain(filler)
        .flat_map(|(num, activity)| [(*num).into(), activity.last_seq.into(), activity.at.0.into()])
        .collect();
    let sql = statement(write.backend(), size);
    write
        .connection()
        .execute_raw(Statement::from_sql_and_values(write.backend(), sql, values))
        .await
        .map_err(store_error)?;
    Ok(())
}

/// The text for `size` rows, built once.
fn statement(backend: DbBackend, size: usize) -> &'static str {
    static SQLITE: [OnceLock<String>; SIZES] = [const { OnceLock::new() }; SIZES];
    static POSTGRES: [OnceLock<String>; SIZES] = [const { OnceLock::new() }; SIZES];
    let texts = if backend == DbBackend::Postgres { &POSTGRES } else { &SQLITE };
    texts[size.trailing_zeros() as usize].get_or_init(|| build(backend, size))
}

fn build(backend: DbBackend, size: usize) -> String {
    let mut sql = String::from("WITH v(num, seq, at) AS (VALUES ");
    for row in 0..size {
        let comma = if row == 0 { "" } else { ", " };
        let (a, b, c) = (3 * row + 1, 3 * row + 2, 3 * row + 3);
        // Writing to a String does not fail.
        let _ = write!(sql, "{comma}(${a}, ${b}, ${c})");
    }
    sql.push(')');
    let locked = backend == DbBackend::Postgres;
    if locked {
        sql.push_str(
            ", locked AS (SELECT num FROM channels WHERE num IN (SELECT num FROM v) ORDER BY num FOR UPDATE)",
        );
    }
    sql.push_str(
        " UPDATE channels SET \
         last_seq = CASE WHEN v.seq > channels.last_seq THEN v.seq ELSE channels.last_seq END, \
         last_message_at = CASE WHEN v.at > channels.last_message_at THEN v.at ELSE channels.last_message_at END \
         FROM v",
    );
    if locked {
        sql.push_str(" JOIN locked ON locked.num = v.num");
    }
    sql.push_str(
        " WHERE channels.num = v.num AND (v.seq > channels.last_seq OR v.at > channels.last_message_at)",
    );
    sql
}
