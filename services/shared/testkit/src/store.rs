use std::ops::Deref;
use std::path::PathBuf;

use anyhow::Result;
use parlance_sql::{Settings, Store};
use sea_orm::ConnectionTrait as _;
use tempfile::TempDir;

/// Names the server on which tests make their schemas.
const POSTGRES_URL: &str = "PARLANCE_TEST_POSTGRES_URL";

/// A SQLite store in a directory that goes when it is dropped.
pub struct TempStore {
    store: Store,
    dir: TempDir,
}

impl TempStore {
    /// The file, for tests that open it a second time.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("store.db")
    }
}

impl Deref for TempStore {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

/// A migrated SQLite store for one test.
pub async fn temp_store(migrate: impl AsyncFnOnce(&Store) -> Result<()>) -> TempStore {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let settings = Settings::File(dir.path().join("store.db"));
    let store = Store::open(&settings).await.expect("the store opens");
    migrate(&store).await.expect("the migrations run");
    TempStore { store, dir }
}

/// A PostgreSQL store in a schema of its own.
pub struct PostgresStore {
    store: Store,
}

impl Deref for PostgresStore {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

impl PostgresStore {
    /// Drops the schema. A test that fails before leaves its schema for looking at.
    pub async fn remove(self) {
        let write = self.store.begin().await.expect("a transaction");
        let drop_schema = format!("DROP SCHEMA {} CASCADE", self.store.schema());
        write.connection().execute_unprepared(&drop_schema).await.expect("the schema goes");
        drop(write.commit().await.expect("the commit"));
        self.store.close().await;
    }
}

/// A migrated store on PostgreSQL for one test; `None`, and a note that the test is skipped, if no
/// server was named.
pub async fn postgres_store(migrate: impl AsyncFnOnce(&Store) -> Result<()>) -> Option<PostgresStore> {
    let Ok(url) = std::env::var(POSTGRES_URL) else {
        println!("skipped: {POSTGRES_URL} is not set");
        return None;
    };
    let schema = format!("test_{}", uuid::Uuid::new_v4().simple());
    let store =
        Store::open(&Settings::Postgres { url, schema, max_connections: 8 }).await.expect("the store opens");
    migrate(&store).await.expect("the migrations run");
    Some(PostgresStore { store })
}
