//! Who among the replicas of a service does what only one needs to do, and which of them are alive.
//!
//! A lease only saves work: two holders at a time, or none for a moment, must do no harm.

use std::time::Duration;

use parlance_core::{Micros, Result};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use sea_orm_migration::prelude::{ColumnDef, SchemaManager, Table};

use crate::{Store, store_error};

/// Time after its last renewal from which a lease is free.
const LIFE: Duration = Duration::from_secs(3);

/// Creates the tables.
pub async fn create_tables(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let text = |name: &'static str| ColumnDef::new(name).text().not_null().to_owned();
    let number = |name: &'static str| ColumnDef::new(name).big_integer().not_null().to_owned();
    let leases = Table::create()
        .table("leases")
        .col(text("name").primary_key())
        .col(text("holder"))
        .col(number("until_at"))
        .col(number("position"))
        .to_owned();
    manager.create_table(leases).await?;
    let replicas =
        Table::create().table("replicas").col(text("id").primary_key()).col(number("seen_at")).to_owned();
    manager.create_table(replicas).await
}

/// Takes or renews a lease. `Some` = it is held: the position that the holder before left, or that this
/// one has noted with `position` (how far its work has come).
pub async fn claim(
    store: &Store,
    name: &str,
    holder: &str,
    position: i64,
    now: Micros,
) -> Result<Option<i64>> {
    let claim = "UPDATE leases SET position = CASE WHEN holder = $2 THEN $3 ELSE position END, holder = $2, \
                 until_at = $4 WHERE name = $1 AND (holder = $2 OR until_at < $5) RETURNING position";
    let values: Vec<Value> =
        vec![name.into(), holder.into(), position.into(), (now + LIFE).0.into(), now.0.into()];
    let statement = Statement::from_sql_and_values(store.backend(), claim, values);
    let row = store.write_connection().query_one_raw(statement).await.map_err(store_error)?;
    row.map(|row| row.try_get("", "position")).transpose().map_err(store_error)
}

/// Frees a lease, so that another replica need not wait for its end.
pub async fn release(store: &Store, name: &str, holder: &str) -> Result<()> {
    run(
        store,
        "UPDATE leases SET until_at = 0 WHERE name = $1 AND holder = $2",
        vec![name.into(), holder.into()],
    )
    .await
}

/// Says that a replica is alive.
pub async fn beat(store: &Store, replica: &str, now: Micros) -> Result<()> {
    let beat = "INSERT INTO replicas (id, seen_at) VALUES ($1, $2) \
                ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";
    run(store, beat, vec![replica.into(), now.0.into()]).await
}

/// Replicas that have not been seen since an instant, with the time when they were.
pub async fn silent(store: &Store, since: Micros) -> Result<Vec<(String, Micros)>> {
    let statement = Statement::from_sql_and_values(
        store.backend(),
        "SELECT id, seen_at FROM replicas WHERE seen_at < $1",
        [since.0.into()],
    );
    let rows = store.read().query_all_raw(statement).await.map_err(store_error)?;
    rows.iter()
        .map(|row| Ok((row.try_get("", "id")?, Micros(row.try_get("", "seen_at")?))))
        .collect::<Result<_, DbErr>>()
        .map_err(store_error)
}

/// Forgets a replica that has ended.
pub async fn forget(store: &Store, replica: &str) -> Result<()> {
    run(store, "DELETE FROM replicas WHERE id = $1", vec![replica.into()]).await
}

async fn run(store: &Store, sql: &str, values: Vec<Value>) -> Result<()> {
    let statement = Statement::from_sql_and_values(store.backend(), sql, values);
    store.write_connection().execute_raw(statement).await.map_err(store_error)?;
    Ok(())
}
