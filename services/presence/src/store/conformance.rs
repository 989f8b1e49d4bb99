//! What every presence store must do: one list of tests, run over each store.

use std::time::Duration;

use parlance_core::{Micros, Num};
use parlance_redis::{Redis, Settings};
use parlance_testkit::{redis_url, unique_prefix};
use uuid::Uuid;

use super::{ConnectionChange, MemoryStore, News, PresenceStore, RedisStore, Sign, Totals, Typist, User};
use crate::domain::online::is_online;
use crate::domain::typing::Change;

const APP: Uuid = Uuid::from_u128(1);

fn user(num: Num) -> User {
    User { app: APP, num }
}

fn at(seconds: u64) -> Micros {
    Micros::from_secs(1_800_000_000) + Duration::from_secs(seconds)
}

fn change(num: Num, connection: &str, opened: bool) -> ConnectionChange {
    ConnectionChange { user: user(num), connection: connection.to_owned(), opened }
}

fn told(news: Vec<News>) -> Vec<(Num, bool)> {
    news.into_iter().map(|news| (news.user.num, news.online)).collect()
}

async fn report(store: &dyn PresenceStore, changes: &[(Num, &str, bool)], now: u64) -> Vec<(Num, bool)> {
    let changes = changes.iter().map(|&(num, id, opened)| change(num, id, opened)).collect();
    told(store.report("gateway", changes, at(now)).await.unwrap().news)
}

async fn online(store: &dyn PresenceStore, num: Num, now: u64) -> bool {
    is_online(&store.look(APP, &[num]).await.unwrap()[0], at(now))
}

async fn the_first_connection_and_the_end_of_the_last_are_news(store: &dyn PresenceStore) {
    assert_eq!(report(store, &[(1, "a", true), (1, "b", true)], 0).await, [(1, true)]);
    assert_eq!(report(store, &[(1, "a", false)], 1).await, []);
    assert!(online(store, 1, 1).await);
    assert_eq!(report(store, &[(1, "b", false)], 2).await, []);
    assert!(!online(store, 1, 2).await, "lists show a disconnect at once");
    assert_eq!(told(store.sweep(at(11)).await.unwrap()), []);
    assert_eq!(told(store.sweep(at(12)).await.unwrap()), [(1, false)]);
    assert_eq!(told(store.sweep(at(13)).await.unwrap()), []);
}

async fn a_reconnect_within_ten_seconds_is_no_news(store: &dyn PresenceStore) {
    report(store, &[(1, "a", true)], 0).await;
    report(store, &[(1, "a", false)], 5).await;
    assert_eq!(report(store, &[(1, "b", true)], 14).await, []);
    assert_eq!(told(store.sweep(at(24)).await.unwrap()), []);
    assert!(online(store, 1, 24).await);
}

async fn repeated_and_unknown_reports_change_nothing(store: &dyn PresenceStore) {
    assert_eq!(report(store, &[(1, "x", false)], 0).await, []);
    report(store, &[(1, "a", true), (1, "a", true)], 0).await;
    report(store, &[(1, "a", false), (1, "a", false)], 1).await;
    assert!(!online(store, 1, 1).await);
    // The same connection id of another user replaces the connection.
    report(store, &[(1, "b", true), (2, "b", true)], 2).await;
    assert!(!online(store, 1, 2).await && online(store, 2, 2).await);
    assert_eq!(store.totals().await.unwrap().connections, 1);
}

async fn an_unknown_gateway_is_told_so_once(store: &dyn PresenceStore) {
    assert!(!store.report("g1", vec![], at(0)).await.unwrap().known);
    assert!(store.report("g1", vec![], at(1)).await.unwrap().known);
    assert!(!store.renew("g2", at(1)).await.unwrap());
    assert!(store.renew("g2", at(2)).await.unwrap());
}

async fn connections_of_a_gateway_silent_for_a_minute_are_closed(store: &dyn PresenceStore) {
    store.report("g1", vec![change(1, "a", true)], at(0)).await.unwrap();
    store.report("g2", vec![change(2, "b", true)], at(0)).await.unwrap();
    store.renew("g2", at(30)).await.unwrap();
    assert_eq!(told(store.sweep(at(59)).await.unwrap()), []);
    assert_eq!(told(store.sweep(at(60)).await.unwrap()), [(1, false)]);
    assert!(online(store, 2, 60).await);
    assert!(!store.renew("g1", at(61)).await.unwrap(), "it must report again");
}

async fn who_leaves_while_a_dead_gateway_still_counts_is_offline_once_it_does_not(store: &dyn PresenceStore) {
    let opened = |id| vec![change(1, id, true)];
    store.report("dead", opened("a"), at(0)).await.unwrap();
    // He came back through another one, did something there, and left.
    report(store, &[(1, "b", true)], 10).await;
    store.record(user(1), Sign::Active, at(20)).await.unwrap();
    report(store, &[(1, "b", false)], 30).await;
    assert!(online(store, 1, 30).await, "the dead gateway's connection still counts");
    store.renew("gateway", at(61)).await.unwrap();
    assert_eq!(told(store.sweep(at(61)).await.unwrap()), [(1, false)]);
    assert!(!online(store, 1, 61).await);
}

async fn activity_is_news_and_so_is_its_end_after_five_minutes(store: &dyn PresenceStore) {
    assert_eq!(told(store.record(user(1), Sign::Active, at(0)).await.unwrap()), [(1, true)]);
    assert_eq!(told(store.record(user(1), Sign::Active, at(100)).await.unwrap()), []);
    assert_eq!(told(store.sweep(at(399)).await.unwrap()), []);
    assert_eq!(told(store.sweep(at(400)).await.unwrap()), [(1, false)]);
}

async fn a_declaration_of_being_offline_is_news_at_once(store: &dyn PresenceStore) {
    assert_eq!(told(store.record(user(1), Sign::Offline, at(0)).await.unwrap()), []);
    store.record(user(1), Sign::Active, at(1)).await.unwrap();
    assert_eq!(told(store.record(user(1), Sign::Offline, at(2)).await.unwrap()), [(1, false)]);
    assert_eq!(told(store.record(user(1), Sign::Active, at(3)).await.unwrap()), [(1, true)]);
}

async fn apps_do_not_see_each_other(store: &dyn PresenceStore) {
    store.record(user(1), Sign::Active, at(0)).await.unwrap();
    let other = store.look(Uuid::from_u128(2), &[1]).await.unwrap();
    assert!(!is_online(&other[0], at(0)));
}

async fn looking_answers_in_the_order_asked(store: &dyn PresenceStore) {
    report(store, &[(2, "a", true)], 0).await;
    let signs = store.look(APP, &[1, 2, 1, 2]).await.unwrap();
    let online: Vec<bool> = signs.iter().map(|signs| is_online(signs, at(0))).collect();
    assert_eq!(online, [false, true, false, true]);
}

async fn active_users_are_given_out_once_in_batches(store: &dyn PresenceStore) {
    for num in 1..=5 {
        store.record(user(num), Sign::Active, at(num as u64)).await.unwrap();
    }
    store.record(user(5), Sign::Active, at(9)).await.unwrap();
    let mut taken = store.take_active(3).await.unwrap();
    assert_eq!(taken.len(), 3);
    taken.extend(store.take_active(3).await.unwrap());
    taken.sort();
    let expected = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 9)].map(|(num, s)| (user(num), at(s)));
    assert_eq!(taken, expected);
    assert_eq!(store.take_active(3).await.unwrap(), []);
}

async fn what_is_old_is_forgotten(store: &dyn PresenceStore) {
    const DAY: u64 = 24 * 3600;
    report(store, &[(1, "a", true), (1, "a", false)], 0).await;
    store.record(user(2), Sign::Active, at(0)).await.unwrap();
    store.hear_typing(Typist { user: user(2), channel: 7 }, at(0)).await.unwrap();
    for now in [10, 300, DAY - 1] {
        store.sweep(at(now)).await.unwrap();
        store.sweep_typing(at(now)).await.unwrap();
    }
    assert_eq!(store.totals().await.unwrap().users, 2);
    store.sweep(at(DAY)).await.unwrap();
    assert_eq!(store.totals().await.unwrap(), Totals::default());
}

async fn typing_is_told_started_and_stopped(store: &dyn PresenceStore) {
    let here = Typist { user: user(1), channel: 7 };
    let there = Typist { user: user(1), channel: 8 };
    assert_eq!(store.hear_typing(here, at(0)).await.unwrap(), Some(Change::Started));
    assert_eq!(store.hear_typing(here, at(1)).await.unwrap(), None);
    assert_eq!(store.hear_typing(there, at(1)).await.unwrap(), Some(Change::Started));
    assert_eq!(store.stop_typing(here, at(1)).await.unwrap(), Some(Change::Stopped));
    assert_eq!(store.stop_typing(here, at(1)).await.unwrap(), None);
    assert_eq!(store.sweep_typing(at(5)).await.unwrap(), []);
    assert_eq!(store.sweep_typing(at(6)).await.unwrap(), [(there, Change::Stopped)]);
    assert_eq!(store.totals().await.unwrap().typing, 0);
}

/// A store under a prefix of its own; `None` if no Redis was named.
fn redis_store() -> Option<RedisStore> {
    let settings = Settings::new(redis_url()?).with_prefix(unique_prefix());
    Some(RedisStore::new(Redis::open(&settings).unwrap()).on_callers_clock())
}

macro_rules! conformance {
    ($tests:tt $($module:ident: $store:expr;)*) => {
        $(conformance! { @ $module, $store; $tests })*
    };
    (@ $module:ident, $store:expr; [$($test:ident)*]) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $test() {
                    let Some(store) = $store else { return };
                    super::$test(&store).await;
                }
            )*
        }
    };
}

conformance! {
    [
        the_first_connection_and_the_end_of_the_last_are_news
        a_reconnect_within_ten_seconds_is_no_news
        repeated_and_unknown_reports_change_nothing
        an_unknown_gateway_is_told_so_once
        connections_of_a_gateway_silent_for_a_minute_are_closed
        who_leaves_while_a_dead_gateway_still_counts_is_offline_once_it_does_not
        activity_is_news_and_so_is_its_end_after_five_minutes
        a_declaration_of_being_offline_is_news_at_once
        apps_do_not_see_each_other
        looking_answers_in_the_order_asked
        active_users_are_given_out_once_in_batches
        what_is_old_is_forgotten
        typing_is_told_started_and_stopped
    ]
    memory: Some(super::MemoryStore::default());
    redis: super::redis_store();
}
