use std::sync::atomic::Ordering;

use parlance_core::Reason;
use parlance_sql::Store;
use parlance_testkit::{postgres_store, temp_store};

use crate::service::{Replica, Running, effects, execute, migrate, state};

async fn on_both(scenario: impl AsyncFn(&Store)) {
    let file = temp_store(migrate).await;
    scenario(&file).await;
    if let Some(store) = postgres_store(migrate).await {
        scenario(&store).await;
        store.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fact_has_its_effect_once_whatever_fails_and_whoever_dies() {
    on_both(async |store| {
        let reasons = [Reason::Contended, Reason::Unavailable, Reason::Internal];
        let mut running = Vec::new();
        for every in [5, 11, 23] {
            running.push(
                Running::start(store, Replica::new(store).in_steps_of(7).failing(every, &reasons)).await,
            );
        }
        let mut last = 0;
        for _ in 0..20 {
            last = state(store, 25).await;
        }
        running.remove(0);
        last = last.max(state(store, 25).await);
        for one in &running {
            one.reach(last).await;
        }
        assert_eq!(effects(store).await, 525);
    })
    .await;
}

#[tokio::test]
async fn a_page_is_divided_as_the_consumer_wants() {
    on_both(async |store| {
        let last = state(store, 25).await;
        let one = Running::start(store, Replica::new(store).in_steps_of(10)).await;
        one.reach(last).await;
        assert_eq!((effects(store).await, one.replica.steps.load(Ordering::Relaxed)), (25, 3));
    })
    .await;
}

#[tokio::test]
async fn who_starts_again_goes_on_where_the_position_stands() {
    on_both(async |store| {
        for rounds in 1..=3 {
            let last = state(store, 250).await;
            Running::start(store, Replica::new(store)).await.reach(last).await;
            assert_eq!(effects(store).await, rounds * 250);
        }
    })
    .await;
}

#[tokio::test]
async fn a_position_that_has_moved_back_is_followed_back() {
    on_both(async |store| {
        let last = state(store, 30).await;
        let one = Running::start(store, Replica::new(store)).await;
        one.reach(last).await;
        // As a backup that was restored under a running service.
        execute(store, "DELETE FROM effects WHERE position > 10").await;
        execute(store, "UPDATE consumer_positions SET position = 10").await;
        let last = state(store, 1).await;
        one.reach(last).await;
        assert_eq!(effects(store).await, 31);
    })
    .await;
}
