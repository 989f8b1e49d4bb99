//! Stream heads: the row that a commit locks. It holds the position of a stream and, for a `chat:`
//! stream, the counters of its channel.

use std::collections::HashMap;

use parlance_core::Result;
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

impl Head {
    fn fresh(stream: i64, app: Uuid) -> Self {
        Self {
            stream,
            app,
            last_offset: 0,
            last_seq: 0,
            counted: 0,
            message_count: 0,
            last_num: 0,
            last_at: 0,
            policy_version: 0,
            member_count: 0,
        }
    }
}

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

/// The head of a stream, made when missing, locked.
pub async fn lock_or_create(connection: &impl ConnectionTrait, app: Uuid, stream: i64) -> Result<Head> {
    if let Some(head) = lock(connection, app, vec![stream]).await?.remove(&stream) {
        return Ok(head);
    }
    execute(
        connection,
        format!(
            "INSERT INTO stream_heads ({COLUMNS}) VALUES ($1, $2, 0, 0, 0, 0, 0, 0, 0, 0) \
             ON CONFLICT (stream) DO NOTHING"
        ),
        vec![stream.into(), app.into()],
    )
    .await?;
    let found = lock(connection, app, vec![stream]).await?.remove(&stream);
    Ok(found.unwrap_or_else(|| Head::fresh(stream, app)))
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

/// `chat:` heads with messages newer than an instant, for telling channel again after a start.
pub async fn recent(connection: &impl ConnectionTrait, since: i64) -> Result<Vec<Head>> {
    query(
        connection,
        format!("SELECT {COLUMNS} FROM stream_heads WHERE stream > 0 AND last_at > $1"),
        vec![since.into()],
    )
    .await
}
