//! The identity of the log. One for all streams of a store: they are kept, and lost, together.

use parlance_core::{Error, Result};
use parlance_sql::{Store, retrying};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};

use super::{execute, query};

#[derive(FromQueryResult)]
struct Row {
    epoch: String,
}

/// The store's epoch, made with the store. Replicas that start together agree: one makes it, the others wait.
pub async fn load_or_create(store: &Store) -> Result<String> {
    if let Some(epoch) = load(store.read()).await? {
        return Ok(epoch);
    }
    retrying(async || {
        let write = store.begin().await?;
        let epoch = create(write.connection()).await?;
        drop(write.commit().await?);
        Ok(epoch)
    })
    .await
}

async fn create(connection: &impl ConnectionTrait) -> Result<String> {
    if connection.get_database_backend() == DbBackend::Postgres {
        // Without it two replicas that see an empty table would each make an epoch. SQLite has one writer.
        execute(connection, "LOCK TABLE log_epoch IN SHARE ROW EXCLUSIVE MODE", vec![]).await?;
    }
    let fresh: String = uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect();
    execute(
        connection,
        "INSERT INTO log_epoch (epoch) SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM log_epoch)",
        vec![Value::from(fresh)],
    )
    .await?;
    load(connection).await?.ok_or_else(|| Error::internal("the store has no epoch"))
}

/// The smallest, should there ever have been several.
async fn load(connection: &impl ConnectionTrait) -> Result<Option<String>> {
    let rows: Vec<Row> =
        query(connection, "SELECT epoch FROM log_epoch ORDER BY epoch LIMIT 1", vec![]).await?;
    Ok(rows.into_iter().next().map(|row| row.epoch))
}

#[cfg(test)]
mod tests {
    use parlance_testkit::postgres_store;

    use super::*;
    use crate::store::migrations::Migrator;

    #[tokio::test]
    async fn who_starts_while_another_replica_makes_the_epoch_gets_that_one() {
        let Some(store) = postgres_store(parlance_sql::migrate::<Migrator>).await else { return };
        let first = store.begin().await.unwrap();
        let made = create(first.connection()).await.unwrap();
        let (second, ()) = tokio::join!(load_or_create(&store), async {
            // The other one has to wait by now; without the lock it would be done.
            wait_until_blocked(&store).await;
            drop(first.commit().await.unwrap());
        });
        assert_eq!(second.unwrap(), made);
        assert_eq!(load_or_create(&store).await.unwrap(), made);
    }

    async fn wait_until_blocked(store: &Store) {
        let sql = "SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE NOT l.granted \
                   AND c.relname = 'log_epoch' AND c.relnamespace = current_schema()::regnamespace";
        parlance_testkit::wait_until(
            "the other replica waits",
            async || {
                let statement = sea_orm::Statement::from_string(store.backend(), sql);
                store.read().query_one_raw(statement).await.unwrap().is_some()
            },
            |waits| *waits,
        )
        .await;
    }
}
