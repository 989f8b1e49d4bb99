//! The baseline of sends: the rows of the last run, written again to an empty database by nothing but
//! the SQL driver.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _,
};

use super::super::cli::Plan;

const BATCH: usize = 64;
const TABLES: [&str; 2] = ["messages", "stream_entries"];

/// Messages per second, each with its stream entry.
#[derive(Debug)]
pub struct Rates {
    pub batched: f64,
    pub single: f64,
}

enum Cell {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

struct Table {
    name: &'static str,
    /// Statements that make the table and its indexes.
    schema: Vec<String>,
    columns: usize,
    rows: Vec<Vec<Cell>>,
}

/// Copies rows of `message.db` in a data folder to new files beside it.
pub async fn measure(data: &Path, plan: &Plan) -> anyhow::Result<Rates> {
    let mut source = open(&data.join("message.db")).await?;
    let mut tables = Vec::new();
    for name in TABLES {
        tables.push(read(&mut source, name, plan.size(20_000, 2_000)).await.context(name)?);
    }
    source.close().await?;
    let count = tables.iter().map(|table| table.rows.len()).min().unwrap_or_default();
    ensure!(count >= BATCH, "the last run has left only {count} messages");
    let batched = write(&data.join("bench-batched.db"), &tables, count, BATCH).await?;
    let few = count.min(plan.size(10_000, 1_000));
    let single = write(&data.join("bench-single.db"), &tables, few, 1).await?;
    Ok(Rates { batched, single })
}

/// As the server's own connection, so that the commit is as durable.
async fn open(path: &Path) -> anyhow::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-8000")
        .disable_statement_logging();
    options.connect().await.with_context(|| format!("open {}", path.display()))
}

async fn read(source: &mut SqliteConnection, name: &'static str, most: usize) -> anyhow::Result<Table> {
    let schema: Vec<String> = sqlx::query_scalar(
        "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY type DESC",
    )
    .bind(name)
    .fetch_all(&mut *source)
    .await?;
    let newest = format!("SELECT * FROM {name} ORDER BY rowid DESC LIMIT {most}");
    let mut rows = sqlx::query(AssertSqlSafe(newest)).fetch_all(&mut *source).await?;
    rows.reverse();
    let columns = rows.first().map_or(0, |row| row.columns().len());
    let rows = rows.iter().map(cells).collect::<anyhow::Result<_>>()?;
    Ok(Table { name, schema, columns, rows })
}

fn cells(row: &SqliteRow) -> anyhow::Result<Vec<Cell>> {
    let cell = |place: usize| {
        let value = row.try_get_raw(place)?;
        if value.is_null() {
            return Ok(Cell::Null);
        }
        Ok(match value.type_info().name() {
            "TEXT" => Cell::Text(row.try_get_unchecked(place)?),
            "BLOB" => Cell::Bytes(row.try_get_unchecked(place)?),
            _ => Cell::Number(row.try_get_unchecked(place)?),
        })
    };
    row.columns().iter().map(|column| cell(column.ordinal())).collect()
}

async fn write(path: &Path, tables: &[Table], count: usize, batch: usize) -> anyhow::Result<f64> {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    let mut target = open(path).await?;
    for statement in tables.iter().flat_map(|table| &table.schema) {
        sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut target).await?;
    }
    let started = Instant::now();
    let mut done = 0;
    while done + batch <= count {
        let mut transaction = target.begin_with("BEGIN IMMEDIATE").await?;
        for table in tables {
            let row = format!("({})", vec!["?"; table.columns].join(","));
            let values = vec![row; batch].join(",");
            let sql = format!("INSERT INTO {} VALUES {values}", table.name);
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for cell in table.rows[done..done + batch].iter().flatten() {
                query = match cell {
                    Cell::Null => query.bind(None::<i64>),
                    Cell::Number(number) => query.bind(number),
                    Cell::Text(text) => query.bind(text.as_str()),
                    Cell::Bytes(bytes) => query.bind(bytes.as_slice()),
                };
            }
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        done += batch;
    }
    let rate = done as f64 / started.elapsed().as_secs_f64();
    target.close().await?;
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    Ok(rate)
}
