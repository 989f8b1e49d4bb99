//! Whether the database server has crashed: what was written by [`Store::begin_relaxed`] shortly before
//! may be gone then.
//!
//! PostgreSQL empties a table that is not logged when it recovers from a crash, and on a server that takes
//! the place of another; a restart in order leaves it alone. So the mark in it is another one after a
//! crash. A SQLite file has no server that could crash beside its process.

use parlance_core::Result;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::prelude::SchemaManager;

use crate::{Store, store_error};

/// Creates the table; called by a migration of a service that wants to know.
pub async fn create_table(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let create = "CREATE UNLOGGED TABLE crash_mark (id INTEGER PRIMARY KEY, mark TEXT NOT NULL)";
    manager.get_connection().execute_unprepared(create).await.map(drop)
}

/// The mark: the same until the server has crashed. `None` on SQLite.
pub async fn mark(store: &Store) -> Result<Option<String>> {
    if !store.is_shared() {
        return Ok(None);
    }
    if let Some(mark) = read(store).await? {
        return Ok(Some(mark));
    }
    // Of several replicas one makes it.
    let insert = Statement::from_sql_and_values(
        store.backend(),
        "INSERT INTO crash_mark (id, mark) VALUES (1, $1) ON CONFLICT (id) DO NOTHING",
        [uuid::Uuid::new_v4().to_string().into()],
    );
    store.write_connection().execute_raw(insert).await.map_err(store_error)?;
    read(store).await
}

async fn read(store: &Store) -> Result<Option<String>> {
    let select = Statement::from_string(store.backend(), "SELECT mark FROM crash_mark WHERE id = 1");
    let row = store.read().query_one_raw(select).await.map_err(store_error)?;
    row.map(|row| row.try_get("", "mark")).transpose().map_err(store_error)
}
