use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use parlance_core::Result;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::store_error;

/// Where a service keeps its tables.
#[derive(Debug, Clone)]
pub enum Settings {
    /// A SQLite file, made when missing.
    File(PathBuf),
    /// A PostgreSQL server and the schema in it, made when missing.
    Postgres { url: String, schema: String, max_connections: u32 },
}

/// Prepared statements kept per connection. The batch statements come in eight sizes each.
const STATEMENT_CACHE: usize = 200;
/// Readers on one SQLite file.
const SQLITE_READERS: u32 = 4;
/// Time after which a statement on PostgreSQL is given up.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether a connection has left its transaction behind. SQLite itself undoes a transaction when the
/// disk is full or fails; the rollback that follows is then refused, and the driver would take the next
/// transaction for one within it: its commit would make nothing durable. Such a connection is closed.
async fn is_reusable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Behind a rollback that is still queued.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// A service's database.
#[derive(Debug, Clone)]
pub struct Store {
    read: DatabaseConnection,
    write: DatabaseConnection,
    /// SQLite: a connection that does not wait for the disk.
    relaxed: Option<DatabaseConnection>,
    /// SQLite: the turn to write.
    turn: Option<Arc<Mutex<()>>>,
    statements: Arc<AtomicU64>,
    schema: Arc<str>,
    /// Whose store it is, for metrics.
    service: Arc<str>,
}

/// Connections to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Open ones that somebody has.
    pub used: u32,
    /// Open ones that nobody has.
    pub idle: u32,
    /// The most there may be.
    pub max: u32,
}

impl Store {
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        match settings {
            Settings::File(path) => Self::open_file(path).await,
            Settings::Postgres { url, schema, max_connections } => {
                Self::open_postgres(url, schema, *max_connections).await
            }
        }
    }

    async fn open_file(path: &std::path::Path) -> anyhow::Result<Self> {
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
                        pool.after_release(|connection, _| {
                            Box::pin(async move { is_reusable(connection).await })
                        })
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
        let read = connect(SQLITE_READERS, SqliteSynchronous::Normal, true).await.with_context(at)?;
        let store = Self {
            read,
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

    async fn open_postgres(url: &str, schema: &str, max_connections: u32) -> anyhow::Result<Self> {
        if schema.is_empty()
            || !schema.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
        {
            bail!("a schema name has lower-case letters, digits and _ only: {schema:?}");
        }
        let statements = Arc::new(AtomicU64::new(0));
        let search_path = schema.to_owned();
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(max_connections)
            .sqlx_logging(false)
            .test_before_acquire(false)
            .acquire_timeout(Duration::from_secs(5))
            .map_sqlx_postgres_opts(move |options| {
                options.statement_cache_capacity(STATEMENT_CACHE).options([
                    ("search_path", search_path.clone()),
                    ("statement_timeout", STATEMENT_TIMEOUT.as_millis().to_string()),
                    ("synchronous_commit", "on".to_owned()),
                ])
            });
        let mut connection = Database::connect(options).await.context("connect to PostgreSQL")?;
        let counter = statements.clone();
        // So is the schema, behind the name of the product.
        let service = schema.strip_prefix("parlance_").unwrap_or(schema);
        let seconds = seconds_of(service);
        connection.set_metric_callback(move |statement| {
            counter.fetch_add(1, Ordering::Relaxed);
            seconds.record(statement.elapsed.as_secs_f64());
        });
        connection
            .execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"))
            .await
            .with_context(|| format!("create schema {schema}"))?;
        Ok(Self {
            read: connection.clone(),
            write: connection,
            relaxed: None,
            turn: None,
            statements,
            schema: schema.into(),
            service: service.into(),
        })
    }

    /// For questions. On SQLite several of them run beside one writer.
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// For the migrator only.
    pub(crate) fn write_connection(&self) -> &DatabaseConnection {
        &self.write
    }

    pub fn backend(&self) -> DbBackend {
        self.write.get_database_backend()
    }

    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Whose store it is.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The connections for questions (SQLite), or all (PostgreSQL).
    pub fn pool(&self) -> Pool {
        let (size, idle, max) = match self.backend() {
            DbBackend::Postgres => {
                let pool = self.read.get_postgres_connection_pool();
                (pool.size(), pool.num_idle(), pool.options().get_max_connections())
            }
            _ => {
                let pool = self.read.get_sqlite_connection_pool();
                (pool.size(), pool.num_idle(), pool.options().get_max_connections())
            }
        };
        let idle = u32::try_from(idle).unwrap_or(u32::MAX).min(size);
        Pool { used: size - idle, idle, max }
    }

    /// Statements executed so far, transaction control excluded.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Starts a transaction that is durable once committed.
    pub async fn begin(&self) -> Result<Write> {
        self.begin_on(&self.write).await
    }

    /// Starts a transaction that a power failure may undo (a killed process does not). For what can
    /// be rebuilt from another service's log.
    pub async fn begin_relaxed(&self) -> Result<Write> {
        self.begin_on(self.relaxed.as_ref().unwrap_or(&self.write)).await
    }

    async fn begin_on(&self, connection: &DatabaseConnection) -> Result<Write> {
        let turn = match &self.turn {
            Some(turn) => Some(turn.clone().lock_owned().await),
            None => None,
        };
        let options = TransactionOptions {
            sqlite_transaction_mode: self.turn.is_some().then_some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let transaction = connection.begin_with_options(options).await.map_err(store_error)?;
        Ok(Write { transaction, turn, backend: self.backend(), service: self.service.clone() })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.read.ping().await.map_err(store_error)
    }

    /// `journal_mode` and `synchronous` of the connection that commits (SQLite).
    pub async fn durability(&self) -> anyhow::Result<(String, String)> {
        let text = async |sql: &str, column: &str| -> anyhow::Result<String> {
            let row = self
                .write
                .query_one_raw(Statement::from_string(DbBackend::Sqlite, sql))
                .await?
                .context("the pragma has a value")?;
            Ok(match row.try_get::<String>("", column) {
                Ok(text) => text,
                Err(_) => row.try_get::<i64>("", column)?.to_string(),
            })
        };
        Ok((
            text("PRAGMA journal_mode", "journal_mode").await?,
            text("PRAGMA synchronous", "synchronous").await?,
        ))
    }

    pub async fn close(self) {
        let _ = self.read.close().await;
        if let Some(relaxed) = self.relaxed {
            let _ = relaxed.close().await;
        }
        let _ = self.write.close().await;
    }
}

/// An open transaction. Dropped without commit, it is undone.
#[derive(Debug)]
pub struct Write {
    transaction: DatabaseTransaction,
    turn: Option<OwnedMutexGuard<()>>,
    backend: DbBackend,
    service: Arc<str>,
}

impl Write {
    pub fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    pub fn backend(&self) -> DbBackend {
        self.backend
    }

    /// Whose store it is.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Makes the changes durable. Keep the result until what follows from the commit in the same
    /// order (publishing) is done: on SQLite the next writer waits for it.
    pub async fn commit(self) -> Result<Committed> {
        self.transaction.commit().await.map_err(store_error)?;
        Ok(Committed { _turn: self.turn })
    }

    pub async fn rollback(self) -> Result<()> {
        self.transaction.rollback().await.map_err(store_error)
    }
}

/// Proof of a commit; holds the turn to write until dropped.
#[derive(Debug)]
#[must_use = "drop it when what must happen in commit order has happened"]
pub struct Committed {
    _turn: Option<OwnedMutexGuard<()>>,
}

fn seconds_of(service: &str) -> metrics::Histogram {
    metrics::histogram!("parlance_sql_seconds", "service" => service.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn insert(store: &Store, values: &str) -> anyhow::Result<()> {
        let write = store.begin().await?;
        write.connection().execute_unprepared(&format!("INSERT INTO entries VALUES ({values})")).await?;
        drop(write.commit().await?);
        Ok(())
    }

    /// A disk may be full for a statement or for a commit. Here a limit refuses the statement, and a
    /// reference to nothing stands for what refuses a commit.
    #[tokio::test]
    async fn what_is_committed_after_failures_is_there_for_everybody() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Settings::File(folder.path().join("store.db"))).await.unwrap();
        let table = "CREATE TABLE entries (id INTEGER PRIMARY KEY, value, \
                     other INTEGER REFERENCES entries DEFERRABLE INITIALLY DEFERRED)";
        store.write_connection().execute_unprepared(table).await.unwrap();

        // Not below the present size, so nothing more fits; holds for the one connection.
        store.write_connection().execute_unprepared("PRAGMA max_page_count = 1").await.unwrap();
        assert!(insert(&store, "1, randomblob(100000), NULL").await.is_err());
        store.write_connection().execute_unprepared("PRAGMA foreign_keys = ON").await.unwrap();
        assert!(insert(&store, "2, 'refers to nothing', 7").await.is_err());

        insert(&store, "3, 'small', NULL").await.unwrap();
        let sql = "SELECT group_concat(id) AS ids FROM entries";
        let row = store.read().query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap();
        assert_eq!(row.unwrap().try_get::<Option<String>>("", "ids").unwrap().as_deref(), Some("3"));
    }
}
