//! Migrations: safe to run by many replicas at once.

use anyhow::Context as _;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use sea_orm_migration::MigratorTrait;

use crate::Store;

/// Brings the store's tables up to date. On PostgreSQL others that try at the same time wait.
pub async fn migrate<M: MigratorTrait>(store: &Store) -> anyhow::Result<()> {
    let connection = store.write_connection();
    if store.backend() == DbBackend::Postgres {
        let lock = connection.begin().await?;
        lock.execute_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_advisory_xact_lock(hashtext($1))",
            [format!("parlance-migrate-{}", store.schema()).into()],
        ))
        .await?;
        M::up(connection, None).await.context("migrate")?;
        lock.commit().await?;
    } else {
        M::up(connection, None).await.context("migrate")?;
    }
    Ok(())
}
