use std::time::Duration;

use parlance_core::Micros;
use parlance_sql::{Store, leases};
use parlance_testkit::{postgres_store, temp_store};

use crate::tables::migrate;

const NOW: Micros = Micros::from_secs(1_800_000_000);

async fn one_holder(store: &Store) {
    let later = NOW + Duration::from_secs(2);
    let much_later = NOW + Duration::from_secs(10);
    assert_eq!(leases::claim(store, "work", "a", 0, NOW).await.unwrap(), Some(7), "what was left before");
    assert_eq!(leases::claim(store, "work", "b", 0, later).await.unwrap(), None);
    assert_eq!(leases::claim(store, "work", "a", 9, later).await.unwrap(), Some(9));
    assert_eq!(leases::claim(store, "work", "b", 0, much_later).await.unwrap(), Some(9));
    assert_eq!(leases::claim(store, "work", "a", 9, much_later).await.unwrap(), None);
    leases::release(store, "work", "b").await.unwrap();
    assert_eq!(leases::claim(store, "work", "a", 9, much_later).await.unwrap(), Some(9));

    leases::beat(store, "a", NOW).await.unwrap();
    leases::beat(store, "b", NOW).await.unwrap();
    leases::beat(store, "b", much_later).await.unwrap();
    assert_eq!(leases::silent(store, later).await.unwrap(), [("a".to_owned(), NOW)]);
    leases::forget(store, "a").await.unwrap();
    assert!(leases::silent(store, later).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lease_has_one_holder_and_keeps_how_far_he_came() {
    let store = temp_store(migrate).await;
    one_holder(&store).await;
    if let Some(store) = postgres_store(migrate).await {
        one_holder(&store).await;
        store.remove().await;
    }
}
