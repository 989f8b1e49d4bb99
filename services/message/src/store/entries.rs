//! The entries of stream logs: ids and changed fields; bodies are joined on reading.

use parlance_core::{Error, Micros, Result};
use parlance_proto::event::Event;
use parlance_sql::store_error;
use prost::Message as _;
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use uuid::Uuid;

use super::batch::{self, EntryRow};
use super::{execute, heads::Head, padded, query, stream_of};

/// Entries that a stream keeps whatever their age.
const KEPT_PER_STREAM: i64 = 100;
/// Entries pruned in one transaction.
const PRUNE_STEP: i64 = 2_000;

#[derive(FromQueryResult)]
struct Row {
    stream: i64,
    stream_offset: i64,
    app: Uuid,
    event: Vec<u8>,
}

/// The event as it is stored: what its row says already is left out.
pub fn stored(event: &Event) -> Vec<u8> {
    use parlance_proto::event::event::Payload;
    let mut slim = Event {
        app_id: String::new(),
        stream: None,
        offset: 0,
        epoch: String::new(),
        id: String::new(),
        ..event.clone()
    };
    match &mut slim.payload {
        Some(Payload::MessageCreated(p)) => p.message = None,
        Some(Payload::MessageUpdated(p)) => p.message = None,
        Some(Payload::ThreadReplied(p)) => p.message = None,
        Some(Payload::ChannelCreated(p)) => p.channel = None,
        Some(Payload::ChannelUpdated(p)) => p.channel = None,
        _ => {}
    }
    slim.encode_to_vec()
}

/// Puts back what the row says.
pub fn place(event: &mut Event, app: Uuid, stream: i64, offset: i64, epoch: &str) {
    let place = stream_of(stream);
    let kind = if stream > 0 { "chat" } else { "user" };
    event.id = format!("{kind}:{}:{offset}", place.num);
    event.app_id = app.to_string();
    event.stream = Some(place);
    event.offset = offset as u64;
    epoch.clone_into(&mut event.epoch);
}

/// Gives an event the next place in a locked stream; the row has still to be inserted, the head to be saved.
pub fn next(head: &mut Head, event: &mut Event, epoch: &str, now: Micros) -> EntryRow {
    head.last_offset += 1;
    place(event, head.app, head.stream, head.last_offset, epoch);
    EntryRow { stream: head.stream, offset: head.last_offset, app: head.app, event: stored(event), at: now.0 }
}

/// Appends one event to a locked stream; the caller saves the head.
pub async fn append(
    connection: &impl ConnectionTrait,
    head: &mut Head,
    event: &mut Event,
    epoch: &str,
    now: Micros,
) -> Result<()> {
    let row = next(head, event, epoch, now);
    batch::insert_entries(connection, vec![row]).await.map_err(store_error)
}

/// Entries of many streams, each after its own offset, at most `limit` each, in order.
pub async fn after(
    connection: &impl ConnectionTrait,
    app: Uuid,
    positions: Vec<(i64, i64)>,
    limit: u32,
    epoch: &str,
) -> Result<Vec<Event>> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let positions = padded(positions);
    let mut rows = String::new();
    let mut values = vec![Value::from(app), Value::from(i64::from(limit))];
    for (index, (stream, offset)) in positions.into_iter().enumerate() {
        if index > 0 {
            rows.push(',');
        }
        rows.push_str(&format!("(${},${})", values.len() + 1, values.len() + 2));
        values.push(stream.into());
        values.push(offset.into());
    }
    // UNION folds the padding.
    let sql = format!(
        "WITH given (stream, past) AS (VALUES {rows}), wanted AS (SELECT stream, past FROM given UNION \
         SELECT stream, past FROM given) SELECT e.stream, e.stream_offset, e.app, e.event FROM wanted w \
         JOIN stream_entries e ON e.stream = w.stream AND e.stream_offset > w.past \
         AND e.stream_offset <= w.past + $2 WHERE e.app = $1 ORDER BY e.stream, e.stream_offset"
    );
    let rows: Vec<Row> = query(connection, sql, values).await?;
    rows.into_iter()
        .map(|row| {
            let mut event = Event::decode(&*row.event).map_err(Error::internal)?;
            place(&mut event, row.app, row.stream, row.stream_offset, epoch);
            Ok(event)
        })
        .collect()
}

/// A stream that has got entries.
#[derive(Debug, FromQueryResult)]
pub struct Moved {
    pub stream: i64,
    pub app: Uuid,
    /// Its newest offset.
    pub last_offset: i64,
    /// The newest position of the log that it has a part in.
    pub top: i64,
}

/// Streams of all apps with entries after a position of the log.
pub async fn moved_since(connection: &impl ConnectionTrait, position: i64) -> Result<Vec<Moved>> {
    query(
        connection,
        "SELECT stream, app, MAX(stream_offset) AS last_offset, MAX(position) AS top FROM stream_entries \
         WHERE position > $1 GROUP BY stream, app",
        vec![position.into()],
    )
    .await
}

#[derive(FromQueryResult)]
struct Top {
    top: Option<i64>,
}

/// The newest position of the log; 0 = it is empty.
pub async fn top(connection: &impl ConnectionTrait) -> Result<i64> {
    let rows: Vec<Top> = query(connection, "SELECT MAX(position) AS top FROM stream_entries", vec![]).await?;
    Ok(rows.first().and_then(|row| row.top).unwrap_or(0))
}

#[derive(FromQueryResult)]
struct First {
    stream: i64,
    first_offset: i64,
}

/// Oldest kept offset of some streams; streams without entries are left out.
pub async fn first_offsets(connection: &impl ConnectionTrait, streams: Vec<i64>) -> Result<Vec<(i64, i64)>> {
    if streams.is_empty() {
        return Ok(Vec::new());
    }
    let streams = padded(streams);
    let sql = format!(
        "SELECT stream, MIN(stream_offset) AS first_offset FROM stream_entries WHERE stream IN ({}) \
         GROUP BY stream",
        super::placeholders(1, streams.len())
    );
    let rows: Vec<First> = query(connection, sql, streams.into_iter().map(Value::from).collect()).await?;
    Ok(rows.into_iter().map(|row| (row.stream, row.first_offset)).collect())
}

/// Removes entries older than `before` that are not among the newest of their stream. Gives the
/// number removed; call again while it is not zero.
pub async fn prune(connection: &impl ConnectionTrait, before: Micros) -> Result<u64> {
    execute(
        connection,
        format!(
            "DELETE FROM stream_entries WHERE position IN (SELECT e.position FROM stream_entries e \
             JOIN stream_heads h ON h.stream = e.stream WHERE e.at < $1 \
             AND e.stream_offset <= h.last_offset - {KEPT_PER_STREAM} ORDER BY e.position LIMIT {PRUNE_STEP})"
        ),
        vec![before.0.into()],
    )
    .await
}
