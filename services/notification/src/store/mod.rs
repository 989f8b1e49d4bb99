//! The only place that names the database.

pub mod deliveries;
pub mod devices;
pub mod migrations;
pub mod pending;
pub mod preferences;
pub mod providers;

use parlance_core::Result;
use parlance_sql::store_error;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement, Value};

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

/// The first row of a question.
async fn query_one<R: FromQueryResult>(
    connection: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: Vec<Value>,
) -> Result<Option<R>> {
    let statement = statement(connection.get_database_backend(), sql, values);
    R::find_by_statement(statement).one(connection).await.map_err(store_error)
}

/// Gives the number of rows that were changed.
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
    let numbers: Vec<String> = (from..from + count).map(|n| format!("${n}")).collect();
    numbers.join(",")
}

/// Pads a list to the next power of two by repeating its last item, so that few statement texts exist.
fn padded<T: Clone>(mut items: Vec<T>) -> Vec<T> {
    if let Some(last) = items.last().cloned() {
        items.resize(items.len().next_power_of_two(), last);
    }
    items
}

/// What keeps a row from others until the transaction ends; SQLite has one writer anyway.
fn for_update(backend: DbBackend) -> &'static str {
    if backend == DbBackend::Postgres { " FOR UPDATE" } else { "" }
}

/// The same, passing over rows that another one has.
fn skip_locked(backend: DbBackend) -> &'static str {
    if backend == DbBackend::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" }
}
