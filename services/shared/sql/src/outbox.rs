//! A service's log of facts, appended in the transaction that makes them true.

use std::sync::Arc;
use std::time::Duration;

use parlance_core::{Clock, Error, Micros, Result};
use parlance_proto::event::{Event, LogEntry, ReadLogResponse};
use prost::Message as _;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    Statement, entity::prelude::*,
};
use sea_orm_migration::prelude::{ColumnDef, SchemaManager, Table};

use tokio_util::sync::CancellationToken;

use crate::{Store, Write, store_error, within};

/// Largest page of [`read`].
const MAX_PAGE: u32 = 1000;
const USUAL_PAGE: u32 = 500;
/// How long facts are kept: no consumer may be away for longer.
pub const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
/// Facts appended in one statement.
const MAX_ROWS: usize = 500;
/// Facts removed in one transaction.
const PRUNE_STEP: u32 = 1_000;
const PRUNE_EVERY: Duration = Duration::from_secs(15 * 60);
/// Time of one step.
const PRUNE_LIMIT: Duration = Duration::from_secs(20);

mod entity {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub position: i64,
        pub event: Vec<u8>,
        pub at: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Creates the table; called by the first migration of a service that states facts.
pub async fn create_table(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("outbox")
                .col(ColumnDef::new("position").big_integer().not_null().auto_increment().primary_key())
                .col(ColumnDef::new("event").binary().not_null())
                .col(ColumnDef::new("at").big_integer().not_null())
                .to_owned(),
        )
        .await
}

/// Appends facts and gives the position of the last one (0 = none was given).
pub async fn append(write: &Write, events: Vec<Event>, now: Micros) -> Result<u64> {
    let mut last = 0;
    if events.is_empty() {
        return Ok(0);
    }
    if write.backend() == DbBackend::Postgres {
        // Positions must rise in commit order, or a consumer would skip what commits late.
        write
            .connection()
            .execute_raw(Statement::from_string(
                DbBackend::Postgres,
                "SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.outbox'))",
            ))
            .await
            .map_err(store_error)?;
    }
    for some in events.chunks(MAX_ROWS) {
        let rows = some.iter().map(|event| entity::ActiveModel {
            event: Set(event.encode_to_vec()),
            at: Set(now.0),
            ..Default::default()
        });
        let inserted = entity::Entity::insert_many(rows);
        let positions = inserted.exec_with_returning_keys(write.connection()).await.map_err(store_error)?;
        last = positions.into_iter().max().unwrap_or(last);
    }
    let last = last as u64;
    show_position(write.service(), last);
    Ok(last)
}

/// Entries after a position, oldest first, and the newest position.
pub async fn read(store: &Store, after: u64, limit: u32) -> Result<ReadLogResponse> {
    let limit = match limit {
        0 => USUAL_PAGE,
        n => n.min(MAX_PAGE),
    };
    let after = i64::try_from(after).map_err(|_| Error::invalid("after_position", "is too large"))?;
    let rows = entity::Entity::find()
        .filter(entity::Column::Position.gt(after))
        .order_by_asc(entity::Column::Position)
        .limit(u64::from(limit))
        .all(store.read())
        .await
        .map_err(store_error)?;
    let full = rows.len() == limit as usize;
    let entries = rows
        .into_iter()
        .map(|row| {
            Ok(LogEntry {
                position: row.position as u64,
                event: Some(Event::decode(&*row.event).map_err(Error::internal)?),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let seen = entries.last().map_or(0, |entry| entry.position);
    let top_position = if full || entries.is_empty() { top(store).await?.max(seen) } else { seen };
    show_position(store.service(), top_position);
    Ok(ReadLogResponse { entries, top_position })
}

fn show_position(service: &str, position: u64) {
    metrics::gauge!("parlance_outbox_position", "service" => service.to_owned()).set(position as f64);
}

/// Removes facts that were stated before an instant, a step at a time, and never the newest one. Call
/// again while it is not zero; it is zero as well where another replica is at it.
///
/// Consumers live in other services, with positions of their own: the instant must lie so far back
/// that none of them has been away for that long.
pub async fn prune(store: &Store, before: Micros) -> Result<u64> {
    let write = store.begin_relaxed().await?;
    if !write.is_only_one("outbox_prune").await? {
        return Ok(0);
    }
    // By position alone: the log is in the order of time, so it is read from its beginning only.
    let step = Statement::from_sql_and_values(
        write.backend(),
        format!(
            "DELETE FROM outbox WHERE position IN (SELECT o.position FROM (SELECT position, at FROM outbox \
             ORDER BY position LIMIT {PRUNE_STEP}) o WHERE o.at < $1) \
             AND position < (SELECT MAX(position) FROM outbox)"
        ),
        [before.0.into()],
    );
    let removed = write.connection().execute_raw(step).await.map_err(store_error)?.rows_affected();
    drop(write.commit().await?);
    Ok(removed)
}

/// Prunes the log from time to time, until `stop`.
pub async fn keep_pruned(store: Store, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PRUNE_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        loop {
            match within(PRUNE_LIMIT, prune(&store, clock.now() - RETENTION)).await {
                Ok(0) => break,
                Ok(removed) => tracing::debug!(removed, "removed old facts from the log"),
                Err(error) => {
                    tracing::warn!(%error, "the log was not pruned; the next round tries again");
                    break;
                }
            }
        }
    }
}

/// The newest position; 0 = the log is empty.
pub async fn top(store: &Store) -> Result<u64> {
    let row = entity::Entity::find()
        .order_by_desc(entity::Column::Position)
        .one(store.read())
        .await
        .map_err(store_error)?;
    Ok(row.map_or(0, |row| row.position as u64))
}
