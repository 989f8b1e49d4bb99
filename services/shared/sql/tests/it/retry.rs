use std::sync::Arc;
use std::time::Duration;

use parlance_core::{Reason, Result};
use parlance_sql::{Limits, Settings, Store, retrying, store_error};
use parlance_testkit::postgres_store;
use sea_orm::ConnectionTrait as _;
use tokio::sync::Barrier;

use crate::tables::migrate;

/// Adds one to both rows; whoever comes from the other side waits for the other, and the database
/// undoes one of them.
async fn add(store: &Store, order: [i32; 2], both_have_one: Option<&Barrier>) -> Result<()> {
    let write = store.begin().await?;
    for (place, id) in order.into_iter().enumerate() {
        if place == 1
            && let Some(barrier) = both_have_one
        {
            barrier.wait().await;
        }
        let update = format!("UPDATE pair SET value = value + 1 WHERE id = {id}");
        write.connection().execute_unprepared(&update).await.map_err(store_error)?;
    }
    drop(write.commit().await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_contended_and_a_repeat_succeeds() {
    let Some(store) = postgres_store(migrate).await else { return };
    let barrier = Arc::new(Barrier::new(2));
    let (one, other) = tokio::join!(add(&store, [1, 2], Some(&barrier)), add(&store, [2, 1], Some(&barrier)));
    let lost = one.and(other).unwrap_err();
    assert_eq!(lost.reason, Reason::Contended);

    let mut tasks = tokio::task::JoinSet::new();
    for order in [[1, 2], [2, 1]].into_iter().cycle().take(4) {
        let store = Store::clone(&store);
        tasks.spawn(async move { retrying(|| add(&store, order, None)).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    store.remove().await;
}

#[tokio::test]
async fn what_stays_contended_is_unavailable_in_the_end() {
    let mut tries = 0;
    let error = retrying(|| {
        tries += 1;
        async { Err::<(), _>(parlance_sql::contended()) }
    })
    .await
    .unwrap_err();
    assert_eq!((error.reason, error.retry_after), (Reason::Unavailable, Some(Duration::from_secs(1))));
    assert!(tries > 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_row_or_a_connection_ends_with_unavailable() {
    let Some(store) = postgres_store(migrate).await else { return };
    let url = std::env::var("PARLANCE_TEST_POSTGRES_URL").unwrap();
    let settings = Settings::Postgres { url, schema: store.schema().to_owned(), max_connections: 1 };
    let limits =
        Limits { acquire: Duration::from_millis(200), lock: Duration::from_millis(200), ..Limits::default() };
    let impatient = Store::open_with(&settings, limits).await.unwrap();

    let holder = store.begin().await.unwrap();
    holder.connection().execute_unprepared("UPDATE pair SET value = 5 WHERE id = 1").await.unwrap();
    let error = add(&impatient, [1, 2], None).await.unwrap_err();
    assert_eq!((error.reason, error.retry_after), (Reason::Unavailable, Some(Duration::from_secs(1))));
    holder.rollback().await.unwrap();
    add(&impatient, [1, 2], None).await.unwrap();

    let only = impatient.begin().await.unwrap();
    assert_eq!(impatient.begin().await.unwrap_err().reason, Reason::Unavailable);
    only.rollback().await.unwrap();
    impatient.close().await;
    store.remove().await;
}
