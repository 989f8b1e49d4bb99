use parlance_core::Micros;
use parlance_proto::event::Event;
use parlance_sql::{Store, outbox};
use parlance_testkit::{postgres_store, temp_store};

use crate::tables::migrate;

async fn pruned(store: &Store) {
    for at in 1..=25 {
        let write = store.begin_relaxed().await.unwrap();
        outbox::append(&write, vec![Event::default(); 100], Micros(at)).await.unwrap();
        drop(write.commit().await.unwrap());
    }
    let mut steps = Vec::new();
    loop {
        match outbox::prune(store, Micros(21)).await.unwrap() {
            0 => break,
            removed => steps.push(removed),
        }
    }
    assert_eq!(steps, [1_000, 1_000]);
    let left = outbox::read(store, 0, 1).await.unwrap();
    assert_eq!((left.entries[0].position, left.top_position), (2_001, 2_500));
    // The newest says how far the log has come, whatever its age.
    while outbox::prune(store, Micros(100)).await.unwrap() > 0 {}
    let left = outbox::read(store, 0, 0).await.unwrap();
    assert_eq!((left.entries.len(), left.top_position), (1, 2_500));
}

#[tokio::test]
async fn old_facts_go_in_steps_and_the_newest_stays() {
    let store = temp_store(migrate).await;
    pruned(&store).await;
    if let Some(store) = postgres_store(migrate).await {
        pruned(&store).await;
        store.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_at_a_time_prunes() {
    let Some(store) = postgres_store(migrate).await else { return };
    let first = store.begin().await.unwrap();
    assert!(first.is_only_one("upkeep").await.unwrap());
    let second = store.begin().await.unwrap();
    assert!(!second.is_only_one("upkeep").await.unwrap());
    drop(first.commit().await.unwrap());
    assert!(second.is_only_one("upkeep").await.unwrap());
    second.rollback().await.unwrap();
    store.remove().await;
}
