//! A store in a file of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use sea_orm::{ConnectOptions, Database};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use tokio::sync::Mutex;

use crate::reader::Reader;
use crate::store::{STATEMENT_CACHE, Store, seconds_of};

/// Readers on one SQLite file.
const READERS: u32 = 4;

/// Whether a connection has left its transaction behind. SQLite itself undoes a transaction when the
/// disk is full or fails; the rollback that follows is then refused, and the driver would take the next
/// transaction for one within it: its commit would make nothing durable. Such a connection is closed.
async fn is_reusable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Behind a rollback that is still queued.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

pub(crate) async fn open(path: &Path) -> anyhow::Result<Store> {
    let statements = Arc::new(AtomicU64::new(0));
    // The file is named after its service.
    let service = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let seconds = seconds_of(&service);
    let connect = |connections: u32, synchronous: SqliteSynchronous, read_only: bool| {
        let path = path.to_owned();
        let (statements, seconds) = (statements.clone(), seconds.clone());
        async move {
            let mut options = ConnectOptions::new("sqlite::memory:");
            options
                .min_connections(1)
                .max_connections(connections)
                .sqlx_logging(false)
                .test_before_acquire(false)
                .map_sqlx_sqlite_pool_opts(move |pool| {
                    let pool = pool.idle_timeout(None).max_lifetime(None);
                    if read_only {
                        return pool;
                    }
                    pool.after_release(|connection, _| Box::pin(async move { is_reusable(connection).await }))
                })
                .map_sqlx_sqlite_opts(move |options| {
                    options
                        .filename(&path)
                        .in_memory(false)
                        .shared_cache(false)
                        .create_if_missing(!read_only)
                        .journal_mode(SqliteJournalMode::Wal)
                        .synchronous(synchronous)
                        .busy_timeout(Duration::from_secs(5))
                        .statement_cache_capacity(STATEMENT_CACHE)
                        .pragma("cache_size", "-8000")
                        .pragma("mmap_size", "0")
                        .pragma("temp_store", "memory")
                        .foreign_keys(false)
                });
            let mut connection = Database::connect(options).await?;
            connection.set_metric_callback(move |statement| {
                statements.fetch_add(1, Ordering::Relaxed);
                seconds.record(statement.elapsed.as_secs_f64());
            });
            Ok::<_, sea_orm::DbErr>(connection)
        }
    };
    let at = || format!("open {}", path.display());
    let write = connect(1, SqliteSynchronous::Full, false).await.with_context(at)?;
    let relaxed = connect(1, SqliteSynchronous::Normal, false).await.with_context(at)?;
    let read = connect(READERS, SqliteSynchronous::Normal, true).await.with_context(at)?;
    let store = Store {
        read: Reader { connection: read, shared: None },
        write,
        relaxed: Some(relaxed),
        turn: Some(Arc::new(Mutex::new(()))),
        statements,
        schema: "main".into(),
        service: service.into(),
    };
    let (journal, synchronous) = store.durability().await?;
    if journal != "wal" || synchronous != "2" {
        bail!("SQLite is not durable enough: journal_mode={journal}, synchronous={synchronous}");
    }
    Ok(store)
}
