//! The identity of the log. One for all streams of a store: they are kept, and lost, together.

use parlance_core::Result;
use parlance_sql::Store;
use sea_orm::{FromQueryResult, Value};

use super::{execute, query};

#[derive(FromQueryResult)]
struct Row {
    epoch: String,
}

/// The store's epoch, made with the store. Replicas that start together agree on the smallest.
pub async fn load_or_create(store: &Store) -> Result<String> {
    if let Some(epoch) = load(store).await? {
        return Ok(epoch);
    }
    let fresh: String = uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect();
    let write = store.begin().await?;
    execute(
        write.connection(),
        "INSERT INTO log_epoch (epoch) SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM log_epoch)",
        vec![Value::from(fresh.clone())],
    )
    .await?;
    drop(write.commit().await?);
    Ok(load(store).await?.unwrap_or(fresh))
}

async fn load(store: &Store) -> Result<Option<String>> {
    let rows: Vec<Row> =
        query(store.read(), "SELECT epoch FROM log_epoch ORDER BY epoch LIMIT 1", vec![]).await?;
    Ok(rows.into_iter().next().map(|row| row.epoch))
}
