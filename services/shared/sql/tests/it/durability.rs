use parlance_sql::{Store, Write, crashes};
use parlance_testkit::postgres_store;
use sea_orm::{ConnectionTrait as _, Statement};

use crate::tables::migrate;

async fn setting(write: &Write) -> String {
    let show = Statement::from_string(write.backend(), "SHOW synchronous_commit");
    let row = write.connection().query_one_raw(show).await.unwrap().unwrap();
    row.try_get("", "synchronous_commit").unwrap()
}

#[tokio::test]
async fn only_a_relaxed_transaction_does_not_wait_for_the_disk_of_postgresql() {
    let Some(store) = postgres_store(migrate).await else { return };
    // On the same connection, one after the other.
    for _ in 0..3 {
        let relaxed = store.begin_relaxed().await.unwrap();
        assert_eq!(setting(&relaxed).await, "off");
        drop(relaxed.commit().await.unwrap());
        let write = store.begin().await.unwrap();
        assert_eq!(setting(&write).await, "on");
        write.rollback().await.unwrap();
    }
    store.remove().await;
}

#[tokio::test]
async fn replicas_see_the_same_mark_of_a_server_that_has_not_crashed() {
    assert_eq!(crashes::mark(&temp_sqlite().await).await.unwrap(), None);
    let Some(store) = postgres_store(migrate).await else { return };
    let (one, other) = tokio::join!(crashes::mark(&store), crashes::mark(&store));
    let mark = one.unwrap();
    assert!(mark.is_some() && mark == other.unwrap() && mark == crashes::mark(&store).await.unwrap());
    // As recovery does.
    let write = store.begin().await.unwrap();
    write.connection().execute_unprepared("TRUNCATE crash_mark").await.unwrap();
    drop(write.commit().await.unwrap());
    assert_ne!(crashes::mark(&store).await.unwrap(), mark);
    store.remove().await;
}

async fn temp_sqlite() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&parlance_sql::Settings::File(folder.path().join("store.db"))).await.unwrap();
    migrate(&store).await.unwrap();
    store
}
