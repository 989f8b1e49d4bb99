use std::ops::Deref;
use std::path::PathBuf;

use anyhow::Result;
use parlance_sql::{Settings, Store};
use sea_orm::ConnectionTrait as _;
use tempfile::TempDir;

/// Names the server on which tests make their schemas.
const POSTGRES_URL: &str = "PARLANCE_TEST_POSTGRES_URL";

/// Has the tests that usually run on SQLite run on PostgreSQL.
const STORE: &str = "PARLANCE_TEST_STORE";

/// A store for one test, gone when it is dropped: a SQLite file, or a schema on PostgreSQL with
/// PARLANCE_TEST_STORE=postgres.
pub struct TempStore {
    store: Store,
    dir: TempDir,
    schema: Option<Schema>,
}

/// A schema that is dropped with this.
struct Schema {
    url: String,
    name: String,
}

impl Drop for Schema {
    fn drop(&mut self) {
        // A test that fails leaves it for looking at.
        if std::thread::panicking() {
            return;
        }
        let (url, statement) = (self.url.clone(), format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name));
        // The test's own runtime may be ending.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let connection = sea_orm::Database::connect(&url).await?;
                connection.execute_unprepared(&statement).await?;
                anyhow::Ok(())
            })
        });
        // What is left is only litter.
        let _ = dropped.join();
    }
}

impl TempStore {
    /// The file, for tests that look into it; `None` on PostgreSQL.
    pub fn path(&self) -> Option<PathBuf> {
        self.schema.is_none().then(|| self.dir.path().join("store.db"))
    }
}

impl Deref for TempStore {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

/// A migrated store for one test.
pub async fn temp_store(migrate: impl AsyncFnOnce(&Store) -> Result<()>) -> TempStore {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let wanted = std::env::var(STORE).is_ok_and(|store| store == "postgres");
    let (settings, schema) = match std::env::var(POSTGRES_URL) {
        Ok(url) if wanted => {
            let name = random_schema();
            (in_schema(url.clone(), name.clone()), Some(Schema { url, name }))
        }
        _ => (Settings::File(dir.path().join("store.db")), None),
    };
    let store = Store::open(&settings).await.expect("the store opens");
    migrate(&store).await.expect("the migrations run");
    TempStore { store, dir, schema }
}

fn random_schema() -> String {
    format!("test_{}", uuid::Uuid::new_v4().simple())
}

fn in_schema(url: String, schema: String) -> Settings {
    Settings::Postgres { url, schema, max_connections: 8 }
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
    let store = Store::open(&in_schema(url, random_schema())).await.expect("the store opens");
    migrate(&store).await.expect("the migrations run");
    Some(PostgresStore { store })
}
