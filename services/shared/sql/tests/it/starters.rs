use parlance_sql::{Settings, Store};
use parlance_testkit::{postgres_store, temp_store};

use crate::tables::migrate;

#[tokio::test(flavor = "multi_thread")]
async fn eight_starters_at_once_make_one_schema_and_its_tables() {
    // For the address, and for a schema name that is free again once it is dropped.
    let Some(store) = postgres_store(async |_: &Store| Ok(())).await else { return };
    let url = std::env::var("PARLANCE_TEST_POSTGRES_URL").unwrap();
    for round in 0..3 {
        let schema = format!("{}_{round}", store.schema());
        let starters = (0..8).map(|_| {
            let settings =
                Settings::Postgres { url: url.clone(), schema: schema.clone(), max_connections: 2 };
            tokio::spawn(async move {
                let store = Store::open(&settings).await?;
                migrate(&store).await?;
                anyhow::Ok(store)
            })
        });
        let mut stores = Vec::new();
        for starter in starters.collect::<Vec<_>>() {
            stores.push(starter.await.unwrap().unwrap());
        }
        let write = store.begin().await.unwrap();
        let drop_schema = format!("DROP SCHEMA {schema} CASCADE");
        sea_orm::ConnectionTrait::execute_unprepared(write.connection(), &drop_schema).await.unwrap();
        drop(write.commit().await.unwrap());
    }
    store.remove().await;
}

/// The version before finds tables that a newer one has changed, and serves on.
#[tokio::test]
async fn tables_of_a_newer_version_are_used_as_they_are() {
    async fn check(store: &Store) {
        let write = store.begin().await.unwrap();
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_from_tomorrow', 1)";
        sea_orm::ConnectionTrait::execute_unprepared(write.connection(), newer).await.unwrap();
        drop(write.commit().await.unwrap());
        migrate(store).await.unwrap();
        // But not if some of our own are missing: such tables are nobody's.
        let write = store.begin().await.unwrap();
        let older = "DELETE FROM seaql_migrations WHERE version <> 'm9999_from_tomorrow'";
        sea_orm::ConnectionTrait::execute_unprepared(write.connection(), older).await.unwrap();
        drop(write.commit().await.unwrap());
        assert!(migrate(store).await.is_err());
    }
    let store = temp_store(migrate).await;
    check(&store).await;
    if let Some(store) = postgres_store(migrate).await {
        check(&store).await;
        store.remove().await;
    }
}
