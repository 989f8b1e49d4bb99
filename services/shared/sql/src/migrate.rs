//! Migrations: safe to run by many replicas at once.

use anyhow::Context as _;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;

use crate::Store;

/// Brings the store's tables up to date, all or nothing on PostgreSQL, where others that try at the
/// same time wait.
pub async fn migrate<M: MigratorTrait>(store: &Store) -> anyhow::Result<()> {
    let connection = store.write_connection();
    if store.backend() == DbBackend::Postgres {
        let alone = lock(connection, store.schema()).await.context("wait for other starters")?;
        M::up(&alone, None).await.context("migrate")?;
        alone.commit().await.context("migrate")?;
    } else {
        M::up(connection, None).await.context("migrate")?;
    }
    Ok(())
}

/// A transaction that only one starter on this schema has at a time, without the usual limits: a large
/// table may take its time, and so may waiting for whoever changes it.
pub(crate) async fn lock(
    connection: &DatabaseConnection,
    schema: &str,
) -> Result<DatabaseTransaction, DbErr> {
    let lock = connection.begin().await?;
    for limit in ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] {
        lock.execute_unprepared(&format!("SET LOCAL {limit} = 0")).await?;
    }
    lock.execute_raw(Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT pg_advisory_xact_lock(hashtext($1))",
        [format!("parlance-migrate-{schema}").into()],
    ))
    .await?;
    Ok(lock)
}
