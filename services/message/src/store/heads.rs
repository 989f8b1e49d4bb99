//! Stream heads: the row that a commit locks. It holds the position of a stream and, for a `chat:`
//! stream, the counters of its channel.

use std::collections::{BTreeMap, HashMap};

use parlance_core::{Error, Result};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use super::{execute, padded, placeholders, query};

#[derive(Debug, Clone, FromQueryResult)]
pub struct Head {
    pub stream: i64,
    pub app: Uuid,
    pub last_offset: i64,
    /// Newest seq of the channel.
    pub last_seq: i64,
    /// Counted messages up to `last_seq`, deleted ones included.
    pub counted: i64,
    /// Live messages, replies included.
    pub message_count: i64,
    pub last_num: i64,
    pub last_at: i64,
    pub policy_version: i64,
    pub member_count: i64,
}

const COLUMNS: &str = "stream, app, last_offset, last_seq, counted, message_count, last_num, last_at, \
                       policy_version, member_count";

/// Heads named in one statement.
const CHUNK: usize = 512;

/// Heads of some streams of an app; unknown ones are left out.
pub async fn find(
    connection: &impl ConnectionTrait,
    app: Uuid,
    streams: Vec<i64>,
) -> Result<HashMap<i64, Head>> {
    select(connection, app, streams, "").await
}

/// The same, locked in id order until the transaction ends.
pub async fn lock(
    connection: &impl ConnectionTrait,
    app: Uuid,
    streams: Vec<i64>,
) -> Result<HashMap<i64, Head>> {
    let lock = match connection.get_database_backend() {
        DbBackend::Postgres => " ORDER BY stream FOR UPDATE",
        _ => "",
    };
    select(connection, app, streams, lock).await
}

async fn select(
    connection: &impl ConnectionTrait,
    app: Uuid,
    streams: Vec<i64>,
    suffix: &str,
) -> Result<HashMap<i64, Head>> {
    if streams.is_empty() {
        return Ok(HashMap::new());
    }
    let streams = padded(streams);
    let sql = format!(
        "SELECT {COLUMNS} FROM stream_heads WHERE app = $1 AND stream IN ({}){suffix}",
        placeholders(2, streams.len())
    );
    let mut values = vec![Value::from(app)];
    values.extend(streams.into_iter().map(Value::from));
    let rows: Vec<Head> = query(connection, sql, values).await?;
    Ok(rows.into_iter().map(|head| (head.stream, head)).collect())
}

/// Heads of streams of whatever apps, made when missing, locked. All that a transaction needs are
/// taken at once and in id order, so that no two transactions wait for each other.
pub async fn lock_or_create(
    connection: &impl ConnectionTrait,
    wanted: &BTreeMap<i64, Uuid>,
) -> Result<HashMap<i64, Head>> {
    let mut heads = lock_of_apps(connection, wanted).await?;
    let missing: BTreeMap<i64, Uuid> = wanted
        .iter()
        .filter(|(stream, _)| !heads.contains_key(stream))
        .map(|(stream, app)| (*stream, *app))
        .collect();
    if !missing.is_empty() {
        create(connection, &missing).await?;
        heads.extend(lock_of_apps(connection, &missing).await?);
    }
    Ok(heads)
}

async fn lock_of_apps(
    connection: &impl ConnectionTrait,
    wanted: &BTreeMap<i64, Uuid>,
) -> Result<HashMap<i64, Head>> {
    let suffix = match connection.get_database_backend() {
        DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    };
    let streams: Vec<i64> = wanted.keys().copied().collect();
    let mut heads = HashMap::with_capacity(streams.len());
    for some in streams.chunks(CHUNK) {
        let some = padded(some.to_vec());
        let sql = format!(
            "SELECT {COLUMNS} FROM stream_heads WHERE stream IN ({}) ORDER BY stream{suffix}",
            placeholders(1, some.len())
        );
        let rows: Vec<Head> = query(connection, sql, some.into_iter().map(Value::from).collect()).await?;
        for head in rows {
            if wanted.get(&head.stream) != Some(&head.app) {
                return Err(Error::internal(format!("stream {} belongs to another app", head.stream)));
            }
            heads.insert(head.stream, head);
        }
    }
    Ok(heads)
}

async fn create(connection: &impl ConnectionTrait, missing: &BTreeMap<i64, Uuid>) -> Result<()> {
    let missing: Vec<(i64, Uuid)> = missing.iter().map(|(stream, app)| (*stream, *app)).collect();
    for some in missing.chunks(CHUNK) {
        let some = padded(some.to_vec());
        let rows: Vec<String> = (0..some.len())
            .map(|row| format!("(${}, ${}, 0, 0, 0, 0, 0, 0, 0, 0)", row * 2 + 1, row * 2 + 2))
            .collect();
        let sql = format!(
            "INSERT INTO stream_heads ({COLUMNS}) VALUES {} ON CONFLICT (stream) DO NOTHING",
            rows.join(",")
        );
        let values = some.into_iter().flat_map(|(stream, app)| [stream.into(), app.into()]).collect();
        execute(connection, sql, values).await?;
    }
    Ok(())
}

/// Writes a locked head back.
pub async fn save(connection: &impl ConnectionTrait, head: &Head) -> Result<()> {
    execute(
        connection,
        "UPDATE stream_heads SET last_offset = $3, last_seq = $4, counted = $5, message_count = $6, \
         last_num = $7, last_at = $8, policy_version = $9, member_count = $10 \
         WHERE stream = $1 AND app = $2",
        vec![
            head.stream.into(),
            head.app.into(),
            head.last_offset.into(),
            head.last_seq.into(),
            head.counted.into(),
            head.message_count.into(),
            head.last_num.into(),
            head.last_at.into(),
            head.policy_version.into(),
            head.member_count.into(),
        ],
    )
    .await?;
    Ok(())
}

/// How far a channel has come.
#[derive(Debug, FromQueryResult)]
pub struct Recent {
    pub stream: i64,
    pub last_seq: i64,
    /// Time of the newest message in the main list.
    pub main_at: Option<i64>,
}

/// `chat:` heads whose newest message came within a time, by stream and after one; for telling channel
/// again. Without an index of the time, which every send would have to move: all pages together read the
/// heads once.
pub async fn recent(
    connection: &impl ConnectionTrait,
    after: i64,
    since: i64,
    until: i64,
    limit: usize,
) -> Result<Vec<Recent>> {
    query(
        connection,
        "SELECT stream, last_seq, (SELECT created_at FROM messages WHERE channel_num = stream \
         AND in_main ORDER BY seq DESC LIMIT 1) AS main_at FROM stream_heads \
         WHERE stream > $1 AND last_at > $2 AND last_at <= $3 ORDER BY stream LIMIT $4",
        vec![after.max(0).into(), since.into(), until.into(), (limit as i64).into()],
    )
    .await
}
