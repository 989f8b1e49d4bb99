//! A store in a schema of its own on PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, DbErr, Statement,
};
use sqlx::Connection as _;

use crate::migrate;
use crate::reader::{LastTrouble, Reader, Shared};
use crate::store::{Limits, STATEMENT_CACHE, Store, seconds_of};

/// Time in which a connection that may be dead must show that it is not.
const PING: Duration = Duration::from_secs(2);

pub(crate) async fn open(
    url: &str,
    schema: &str,
    max_connections: u32,
    limits: Limits,
) -> anyhow::Result<Store> {
    if schema.is_empty() || !schema.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
    {
        bail!("a schema name has lower-case letters, digits and _ only: {schema:?}");
    }
    let statements = Arc::new(AtomicU64::new(0));
    let trouble = LastTrouble::default();
    let mut options = ConnectOptions::new(url);
    let (search_path, watched) = (schema.to_owned(), trouble.clone());
    let millis = |limit: Duration| limit.as_millis().to_string();
    options
        .max_connections(max_connections.max(1))
        .sqlx_logging(false)
        .test_before_acquire(false)
        .acquire_timeout(limits.acquire)
        .map_sqlx_postgres_pool_opts(move |pool| {
            let (before, after) = (watched.clone(), watched.clone());
            pool.before_acquire(move |connection, meta| {
                let suspect = before.is_within(meta.idle_for);
                Box::pin(async move { Ok(!suspect || answers(connection).await) })
            })
            .after_release(move |connection, _| {
                // One that was dropped in the middle of something waits for the server's answer here.
                let suspect = after.is_recent();
                Box::pin(async move { Ok(!suspect || answers(connection).await) })
            })
        })
        .map_sqlx_postgres_opts(move |options| {
            options.statement_cache_capacity(STATEMENT_CACHE).options([
                ("search_path", search_path.clone()),
                ("synchronous_commit", "on".to_owned()),
                ("statement_timeout", millis(limits.statement)),
                ("lock_timeout", millis(limits.lock)),
                // A plan is made once and kept: one for an empty table joins by reading the whole of it, and
                // goes on to when it has grown. All that is joined here is a handful of rows with an index.
                ("enable_hashjoin", "off".to_owned()),
                ("enable_mergejoin", "off".to_owned()),
                // A replica that stands still must not hold others' rows.
                ("idle_in_transaction_session_timeout", millis(limits.idle_in_transaction)),
                // The server finds out that a client's machine is gone.
                ("tcp_keepalives_idle", "10".to_owned()),
                ("tcp_keepalives_interval", "5".to_owned()),
                ("tcp_keepalives_count", "3".to_owned()),
            ])
        });
    let mut connection = Database::connect(options).await.context("connect to PostgreSQL")?;
    let counter = statements.clone();
    // The schema is named after its service, behind the name of the product.
    let service = schema.strip_prefix("parlance_").unwrap_or(schema);
    let seconds = seconds_of(service);
    connection.set_metric_callback(move |statement| {
        counter.fetch_add(1, Ordering::Relaxed);
        seconds.record(statement.elapsed.as_secs_f64());
    });
    create_schema(&connection, schema).await.with_context(|| format!("create schema {schema}"))?;
    let shared = Shared { trouble, limit: limits.statement };
    Ok(Store {
        read: Reader { connection: connection.clone(), shared: Some(shared) },
        write: connection,
        relaxed: None,
        turn: None,
        statements,
        schema: schema.into(),
        service: service.into(),
    })
}

/// Several starters may find that it is missing; one makes it. One that is there needs no right to make it.
async fn create_schema(connection: &DatabaseConnection, schema: &str) -> Result<(), DbErr> {
    let question = "SELECT 1 AS there FROM pg_namespace WHERE nspname = $1";
    let question = Statement::from_sql_and_values(DbBackend::Postgres, question, [schema.into()]);
    if connection.query_one_raw(question).await?.is_some() {
        return Ok(());
    }
    let alone = migrate::lock(connection, schema).await?;
    alone.execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS {schema}")).await?;
    alone.commit().await
}

async fn answers(connection: &mut sqlx::PgConnection) -> bool {
    matches!(tokio::time::timeout(PING, connection.ping()).await, Ok(Ok(())))
}
