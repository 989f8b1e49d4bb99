//! The only place that names the database.
//!
//! `stream` columns hold a stream in one number: a `chat:` stream is its channel's num, a `user:`
//! stream the negative of its user's num.

pub mod batch;
pub mod entries;
pub mod epoch;
pub mod heads;
pub mod log;
pub mod messages;
pub mod migrations;
pub mod positions;
pub mod previews;
pub mod reactions;
pub mod rows;

use parlance_core::{Error, Num, Result};
use parlance_proto::event::{Stream, stream::Kind};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement, Value};

use parlance_sql::store_error;

/// The one number under which a stream is stored.
pub fn stream_key(stream: &Stream) -> Result<i64> {
    match stream.kind() {
        Kind::Chat if stream.num > 0 => Ok(stream.num),
        Kind::User if stream.num > 0 => Ok(-stream.num),
        _ => Err(Error::invalid("stream", "must be a chat or user stream")),
    }
}

/// The stream stored under a number.
pub fn stream_of(key: i64) -> Stream {
    let kind = if key > 0 { Kind::Chat } else { Kind::User };
    Stream { kind: kind.into(), num: key.abs() }
}

pub fn chat(channel: Num) -> i64 {
    channel
}

pub fn user(user: Num) -> i64 {
    -user
}

/// A statement for either database: `$1` is understood by both.
fn statement(backend: DbBackend, sql: impl Into<String>, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(backend, sql, values)
}

/// Rows of a question as values.
async fn query<R: FromQueryResult>(
    connection: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: Vec<Value>,
) -> Result<Vec<R>> {
    let statement = statement(connection.get_database_backend(), sql, values);
    R::find_by_statement(statement).all(connection).await.map_err(store_error)
}

async fn execute(
    connection: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: Vec<Value>,
) -> Result<u64> {
    let statement = statement(connection.get_database_backend(), sql, values);
    let done = connection.execute_raw(statement).await.map_err(store_error)?;
    Ok(done.rows_affected())
}

/// `$from, $from+1, …`: `count` placeholders.
fn placeholders(from: usize, count: usize) -> String {
    let mut out = String::with_capacity(count * 5);
    for n in from..from + count {
        if n > from {
            out.push(',');
        }
        out.push('$');
        out.push_str(&n.to_string());
    }
    out
}

/// Pads a list to the next power of two by repeating its last item, so that few statement texts exist.
fn padded<T: Clone>(mut items: Vec<T>) -> Vec<T> {
    if let Some(last) = items.last().cloned() {
        items.resize(items.len().next_power_of_two(), last);
    }
    items
}
