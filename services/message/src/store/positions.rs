//! Read positions, and the unread counts that follow from them.

use parlance_core::{Error, Micros, Num, Result};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use super::{execute, padded, placeholders, query};

/// Moves of a position that keep their time; an older message counts as read with the oldest of them.
const KEPT_MARKS: usize = 20;

#[derive(Debug, Clone, FromQueryResult)]
pub struct PositionRow {
    pub user_num: i64,
    pub joined_seq: i64,
    pub last_seq: i64,
    pub muted: bool,
    /// JSON array of the last moves: [[seq, microseconds], …], ascending.
    pub marks: Option<String>,
}

const COLUMNS: &str = "user_num, joined_seq, last_seq, muted, marks";

impl PositionRow {
    pub fn marks(&self) -> Result<Vec<(i64, i64)>> {
        match &self.marks {
            Some(text) => serde_json::from_str(text).map_err(Error::internal),
            None => Ok(Vec::new()),
        }
    }

    /// Whether the member has read the message with this seq. What was there when he joined does not count.
    pub fn has_read(&self, seq: i64) -> bool {
        self.joined_seq < seq && seq <= self.last_seq
    }

    /// When the position passed a seq; `None` if that move was not marked (one's own message moved it).
    pub fn passed_at(&self, seq: i64) -> Result<Option<Micros>> {
        Ok(self.marks()?.into_iter().find(|(marked, _)| *marked >= seq).map(|(_, at)| Micros(at)))
    }

    /// When the position last moved.
    pub fn moved_at(&self) -> Result<Option<Micros>> {
        Ok(self.marks()?.last().map(|(_, at)| Micros(*at)))
    }
}

/// The marks after a move.
pub fn with_mark(mut marks: Vec<(i64, i64)>, seq: i64, at: Micros) -> String {
    marks.push((seq, at.0));
    let extra = marks.len().saturating_sub(KEPT_MARKS);
    marks.drain(..extra);
    serde_json::to_string(&marks).unwrap_or_default()
}

/// A member's position, locked until the transaction ends.
pub async fn lock(
    connection: &impl ConnectionTrait,
    app: Uuid,
    channel: Num,
    user: Num,
) -> Result<Option<PositionRow>> {
    let suffix = match connection.get_database_backend() {
        DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    };
    let rows = query(
        connection,
        format!(
            "SELECT {COLUMNS} FROM read_positions WHERE app = $1 AND channel_num = $2 AND thread_num = 0 \
             AND user_num = $3{suffix}"
        ),
        vec![app.into(), channel.into(), user.into()],
    )
    .await?;
    Ok(rows.into_iter().next())
}

/// Positions of a channel's members.
pub async fn of_channel(
    connection: &impl ConnectionTrait,
    app: Uuid,
    channel: Num,
) -> Result<Vec<PositionRow>> {
    query(
        connection,
        format!(
            "SELECT {COLUMNS} FROM read_positions WHERE app = $1 AND channel_num = $2 AND thread_num = 0 \
             ORDER BY user_num"
        ),
        vec![app.into(), channel.into()],
    )
    .await
}

/// Moves a position forward.
pub async fn advance(
    connection: &impl ConnectionTrait,
    app: Uuid,
    channel: Num,
    user: Num,
    seq: i64,
    counted: i64,
    marks: String,
) -> Result<()> {
    execute(
        connection,
        "UPDATE read_positions SET last_seq = $4, last_counted = $5, marks = $6 WHERE app = $1 \
         AND channel_num = $2 AND thread_num = 0 AND user_num = $3 AND last_seq < $4",
        vec![app.into(), channel.into(), user.into(), seq.into(), counted.into(), marks.into()],
    )
    .await?;
    Ok(())
}

pub async fn set_muted(
    connection: &impl ConnectionTrait,
    app: Uuid,
    channel: Num,
    user: Num,
    muted: bool,
) -> Result<()> {
    execute(
        connection,
        "UPDATE read_positions SET muted = $4 WHERE app = $1 AND channel_num = $2 AND user_num = $3",
        vec![app.into(), channel.into(), user.into(), muted.into()],
    )
    .await?;
    Ok(())
}

pub async fn end(connection: &impl ConnectionTrait, app: Uuid, channel: Num, user: Num) -> Result<()> {
    execute(
        connection,
        "DELETE FROM read_positions WHERE app = $1 AND channel_num = $2 AND user_num = $3",
        vec![app.into(), channel.into(), user.into()],
    )
    .await?;
    Ok(())
}

pub async fn end_all(connection: &impl ConnectionTrait, app: Uuid, channel: Num) -> Result<()> {
    execute(
        connection,
        "DELETE FROM read_positions WHERE app = $1 AND channel_num = $2",
        vec![app.into(), channel.into()],
    )
    .await?;
    Ok(())
}

#[derive(Debug, Clone, FromQueryResult)]
pub struct UnreadRow {
    pub user_num: i64,
    pub channel_num: i64,
    pub last_seq: i64,
    pub muted: bool,
    pub last_offset: i64,
    pub unread: i64,
}

/// Unread = counted messages after the position, less one's own, less those of others that were deleted.
const UNREAD: &str = "SELECT p.user_num, p.channel_num, p.last_seq, p.muted, h.last_offset, \
     h.counted - p.last_counted \
     - (SELECT COUNT(*) FROM messages m WHERE m.channel_num = p.channel_num AND m.author_num = p.user_num \
        AND m.seq > p.last_seq AND m.counted) \
     - (SELECT COUNT(*) FROM messages m WHERE m.channel_num = p.channel_num AND m.deleted_at IS NOT NULL \
        AND m.seq > p.last_seq AND m.counted AND m.author_num <> p.user_num) AS unread \
     FROM read_positions p JOIN stream_heads h ON h.stream = p.channel_num";

/// Unread counts of all channels of some users.
pub async fn unread_of_users(
    connection: &impl ConnectionTrait,
    app: Uuid,
    users: Vec<Num>,
) -> Result<Vec<UnreadRow>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let users = padded(users);
    let sql = format!(
        "{UNREAD} WHERE p.app = $1 AND p.thread_num = 0 AND p.user_num IN ({})",
        placeholders(2, users.len())
    );
    let mut values = vec![Value::from(app)];
    values.extend(users.into_iter().map(Value::from));
    query(connection, sql, values).await
}

/// Unread counts of one user in some channels; channels without membership are left out.
pub async fn unread_in(
    connection: &impl ConnectionTrait,
    app: Uuid,
    user: Num,
    channels: Vec<Num>,
) -> Result<Vec<UnreadRow>> {
    if channels.is_empty() {
        return Ok(Vec::new());
    }
    let channels = padded(channels);
    let sql = format!(
        "{UNREAD} WHERE p.app = $1 AND p.thread_num = 0 AND p.user_num = $2 AND p.channel_num IN ({})",
        placeholders(3, channels.len())
    );
    let mut values = vec![Value::from(app), user.into()];
    values.extend(channels.into_iter().map(Value::from));
    query(connection, sql, values).await
}
