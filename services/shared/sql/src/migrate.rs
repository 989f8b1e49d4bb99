//! Migrations: safe to run by many replicas at once, and by a version that is older than the tables.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement, TransactionTrait,
};
use sea_orm_migration::{IntoSchemaManagerConnection, MigratorTrait};

use crate::Store;
use crate::error::{Trouble, trouble_of};

/// How long a change of a table waits for whoever reads it. Not for long: everybody else waits behind it.
const TABLE_WAIT: &str = "2s";
/// Attempts at changing tables that others are using, and the pause between two.
const ATTEMPTS: u32 = 60;
const PAUSE: Duration = Duration::from_secs(1);

/// Brings the store's tables up to date, all or nothing on PostgreSQL, where others that try at the
/// same time wait. Tables of a newer version are left as they are: its migrations only add, so the
/// version before serves on beside it and after a roll-back.
pub async fn migrate<M: MigratorTrait>(store: &Store) -> anyhow::Result<()> {
    let connection = store.write_connection();
    if store.backend() != DbBackend::Postgres {
        return up::<M, _>(connection).await;
    }
    for _ in 1..ATTEMPTS {
        let alone = lock(connection, store.schema()).await.context("wait for other starters")?;
        alone.execute_unprepared(&format!("SET LOCAL lock_timeout = '{TABLE_WAIT}'")).await?;
        match up::<M, _>(&alone).await {
            Ok(()) => return alone.commit().await.context("migrate"),
            Err(error) if is_waiting(&error) => {
                tracing::warn!(schema = store.schema(), "the tables are in use; changing them again soon");
                alone.rollback().await.context("migrate")?;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
    anyhow::bail!("the tables of {} stay in use; end what reads them for so long", store.schema())
}

async fn up<'c, M, C>(connection: &'c C) -> anyhow::Result<()>
where
    M: MigratorTrait,
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    let applied: HashSet<String> = M::get_migration_models(connection)
        .await
        .context("read the migrations that were applied")?
        .into_iter()
        .map(|migration| migration.version)
        .collect();
    let own: HashSet<String> = M::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let newer: Vec<&String> = applied.difference(&own).collect();
    if newer.is_empty() {
        return M::up(connection, None).await.context("migrate");
    }
    ensure!(
        own.is_subset(&applied),
        "the tables have migrations that this version does not know ({newer:?}) and lack some of its own"
    );
    tracing::warn!(?newer, "the tables are those of a newer version; they are used as they are");
    Ok(())
}

fn is_waiting(error: &anyhow::Error) -> bool {
    let cause = error.chain().find_map(|cause| cause.downcast_ref::<DbErr>());
    cause.is_some_and(|cause| matches!(trouble_of(cause), Trouble::Slow | Trouble::Contended))
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
