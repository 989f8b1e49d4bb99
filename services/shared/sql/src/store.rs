use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use parlance_core::Result;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::reader::Reader;
use crate::{postgres, sqlite, store_error};

/// Where a service keeps its tables.
#[derive(Debug, Clone)]
pub enum Settings {
    /// A SQLite file, made when missing.
    File(PathBuf),
    /// A PostgreSQL server and the schema in it, made when missing.
    Postgres { url: String, schema: String, max_connections: u32 },
}

/// Prepared statements kept per connection. The batch statements come in eight sizes each.
pub(crate) const STATEMENT_CACHE: usize = 200;

/// How long things may take on PostgreSQL before they fail with UNAVAILABLE.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Waiting for a connection.
    pub acquire: Duration,
    /// One statement.
    pub statement: Duration,
    /// Waiting for another's row.
    pub lock: Duration,
    /// Standing still within a transaction: the server ends it, so that its rows are free.
    pub idle_in_transaction: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            acquire: Duration::from_secs(5),
            statement: Duration::from_secs(8),
            lock: Duration::from_secs(4),
            idle_in_transaction: Duration::from_secs(5),
        }
    }
}

/// A service's database.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) read: Reader,
    pub(crate) write: DatabaseConnection,
    /// SQLite: a connection that does not wait for the disk.
    pub(crate) relaxed: Option<DatabaseConnection>,
    /// SQLite: the turn to write.
    pub(crate) turn: Option<Arc<Mutex<()>>>,
    pub(crate) statements: Arc<AtomicU64>,
    pub(crate) schema: Arc<str>,
    /// Whose store it is, for metrics.
    pub(crate) service: Arc<str>,
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
        Self::open_with(settings, Limits::default()).await
    }

    /// The same with other limits than the usual ones.
    pub async fn open_with(settings: &Settings, limits: Limits) -> anyhow::Result<Self> {
        match settings {
            Settings::File(path) => sqlite::open(path).await,
            Settings::Postgres { url, schema, max_connections } => {
                postgres::open(url, schema, *max_connections, limits).await
            }
        }
    }

    /// For questions. On SQLite several of them run beside one writer.
    pub fn read(&self) -> &Reader {
        &self.read
    }

    /// For the migrator only.
    pub(crate) fn write_connection(&self) -> &DatabaseConnection {
        &self.write
    }

    pub fn backend(&self) -> DbBackend {
        self.write.get_database_backend()
    }

    /// Whether other processes may use the same tables.
    pub fn is_shared(&self) -> bool {
        self.turn.is_none()
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
        let connection = &self.read.connection;
        let (size, idle, max) = match self.backend() {
            DbBackend::Postgres => {
                let pool = connection.get_postgres_connection_pool();
                (pool.size(), pool.num_idle(), pool.options().get_max_connections())
            }
            _ => {
                let pool = connection.get_sqlite_connection_pool();
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

    /// Starts a transaction that does not wait for the disk: for less than a second after its commit a
    /// power failure may undo it, or a crash of the PostgreSQL server (a killed process of ours does not).
    /// A durable commit after it makes it durable too. For what may be lost, or is done again by whoever
    /// notices the loss ([`crate::crashes`]).
    pub async fn begin_relaxed(&self) -> Result<Write> {
        if let Some(relaxed) = &self.relaxed {
            return self.begin_on(relaxed).await;
        }
        let write = self.begin_on(&self.write).await?;
        let relax = write.transaction.execute_unprepared("SET LOCAL synchronous_commit = off");
        relax.await.map_err(store_error)?;
        Ok(write)
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
        // Nothing has been written yet, so a dead connection may be exchanged for another one.
        let begun = match &self.read.shared {
            None => connection.begin_with_options(options).await,
            Some(shared) => shared.again_if_lost(|| connection.begin_with_options(options)).await,
        };
        let transaction = begun.map_err(store_error)?;
        Ok(Write { transaction, turn, backend: self.backend(), service: self.service.clone() })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        match &self.read.shared {
            None => self.read.connection.ping().await,
            Some(shared) => shared.again_if_lost(|| self.read.connection.ping()).await,
        }
        .map_err(store_error)
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
        let _ = self.read.connection.close().await;
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

    /// Lets one transaction at a time do a piece of upkeep; false = another replica is at it now.
    pub async fn is_only_one(&self, upkeep: &str) -> Result<bool> {
        if self.backend != DbBackend::Postgres {
            return Ok(true);
        }
        let lock = Statement::from_sql_and_values(
            self.backend,
            "SELECT pg_try_advisory_xact_lock(hashtext(current_schema() || $1)) AS locked",
            [format!(".{upkeep}").into()],
        );
        let row = self.transaction.query_one_raw(lock).await.map_err(store_error)?;
        row.map_or(Ok(false), |row| row.try_get("", "locked").map_err(store_error))
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

/// Time of a service's statements.
pub(crate) fn seconds_of(service: &str) -> metrics::Histogram {
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
