//! What Redis alone must show: several replicas, faults, a cluster.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parlance_core::{Clock as _, Micros, Reason, SystemClock};
use parlance_redis::{Redis, Settings, cmd};
use parlance_testkit::{RedisCluster, RedisServer, redis_url, unique_prefix};
use uuid::Uuid;

use super::RedisStore;
use crate::domain::online::is_online;
use crate::store::{ConnectionChange, PresenceStore, Sign, Typist, User};

const APP: Uuid = Uuid::from_u128(1);

fn store(url: &str, prefix: &str) -> Arc<RedisStore> {
    Arc::new(on_server_clock(url, prefix).on_callers_clock())
}

fn on_server_clock(url: &str, prefix: &str) -> RedisStore {
    RedisStore::new(Redis::open(&Settings::new(url).with_prefix(prefix)).unwrap())
}

fn at(seconds: u64) -> Micros {
    Micros::from_secs(1_800_000_000) + Duration::from_secs(seconds)
}

fn opened(num: i64) -> ConnectionChange {
    ConnectionChange { user: User { app: APP, num }, connection: num.to_string(), opened: true }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_replicas_one_tells_each_piece_of_news_and_takes_each_active_user() {
    const USERS: i64 = 1200;
    let Some(url) = redis_url() else { return };
    let prefix = unique_prefix();
    let replicas: Vec<_> = (0..3).map(|_| store(&url, &prefix)).collect();
    replicas[0].report("gateway", (1..=USERS).map(opened).collect(), at(0)).await.unwrap();
    for num in 1..=20 {
        let typist = Typist { user: User { app: APP, num }, channel: 7 };
        replicas[num as usize % 3].hear_typing(typist, at(0)).await.unwrap();
    }
    let sweeps = replicas.iter().map(|replica| async {
        let (now, mut taken) = (at(60), 0);
        let stopped = replica.sweep_typing(now).await.unwrap();
        while let part = replica.take_active(50).await.unwrap()
            && !part.is_empty()
        {
            taken += part.len();
        }
        (replica.sweep(now).await.unwrap(), taken, stopped.len())
    });
    let swept = futures_util::future::join_all(sweeps).await;
    let mut gone: Vec<i64> = swept.iter().flat_map(|(news, ..)| news).map(|news| news.user.num).collect();
    gone.sort_unstable();
    assert!(gone.into_iter().eq(1..=USERS), "everybody once");
    assert_eq!(swept.iter().map(|(_, taken, _)| taken).sum::<usize>(), USERS as usize);
    assert_eq!(swept.iter().map(|(.., stopped)| stopped).sum::<usize>(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_sign_told_to_all_replicas_at_once_is_announced_once() {
    let Some(url) = redis_url() else { return };
    let prefix = unique_prefix();
    let replicas: Vec<_> = (0..4).map(|_| store(&url, &prefix)).collect();
    for num in 1..=30 {
        let user = User { app: APP, num };
        let told = replicas.iter().map(|replica| replica.record(user, Sign::Active, at(0)));
        let told: usize =
            futures_util::future::join_all(told).await.into_iter().map(|news| news.unwrap().len()).sum();
        let swept = replicas[0].sweep(at(0)).await.unwrap().len();
        assert_eq!(told + swept, 1, "user {num}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_dies_before_settling_leaves_the_news_to_a_sweep() {
    let Some(url) = redis_url() else { return };
    let store = store(&url, &unique_prefix());
    let user = super::convert::user(User { app: APP, num: 1 });
    let args = [user, "active".to_owned()];
    let _: Vec<super::RecordFields> = store.run(&store.scripts.sign, at(0), super::LIFE, args).await.unwrap();
    let news = store.sweep(at(1)).await.unwrap();
    assert_eq!(news.iter().map(|news| (news.user.num, news.online)).collect::<Vec<_>>(), [(1, true)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_clock_is_wrong_takes_no_gateway_for_silent() {
    let Some(url) = redis_url() else { return };
    let prefix = unique_prefix();
    let (right, wrong) = (on_server_clock(&url, &prefix), on_server_clock(&url, &prefix));
    let now = SystemClock.now();
    let (behind, ahead) = (now - Duration::from_secs(90), now + Duration::from_secs(90));
    right.report("one", vec![opened(1)], now).await.unwrap();
    wrong.report("other", vec![opened(2)], behind).await.unwrap();
    assert_eq!(wrong.sweep(ahead).await.unwrap(), []);
    assert_eq!(right.sweep(now).await.unwrap(), []);
    for gateway in ["one", "other"] {
        assert!(right.renew(gateway, now).await.unwrap(), "{gateway}");
    }
    assert_eq!(right.totals().await.unwrap().connections, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_silent_by_the_servers_clock_is_gone() {
    let Some(url) = redis_url() else { return };
    let store = on_server_clock(&url, &unique_prefix());
    let now = SystemClock.now();
    store.report("gateway", vec![opened(1)], now - Duration::from_secs(70)).await.unwrap();
    let mut age = cmd("ZADD");
    age.arg(format!("{}:gateways", store.base)).arg((now - Duration::from_secs(61)).0).arg("gateway");
    store.send(&[age]).await.unwrap();
    let news = store.sweep(now).await.unwrap();
    assert_eq!(news.iter().map(|news| (news.user.num, news.online)).collect::<Vec<_>>(), [(1, false)]);
    assert!(!store.renew("gateway", now).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_lost_is_reported_anew() {
    let Some(mut server) = RedisServer::start() else { return };
    let store = store(&server.url(), "p");
    store.report("gateway", vec![opened(1)], at(0)).await.unwrap();
    assert!(store.renew("gateway", at(1)).await.unwrap());
    server.kill();
    let started = Instant::now();
    for _ in 0..5 {
        let refusal = store.renew("gateway", at(2)).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::Unavailable);
    }
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    server.restart();
    let renew = async || store.renew("gateway", at(3)).await.ok();
    let known = parlance_testkit::wait_until("an answer", renew, Option::is_some).await;
    assert_eq!(known, Some(false), "it must report again");
    store.report("gateway", vec![opened(1)], at(4)).await.unwrap();
    assert!(is_online(&store.look(APP, &[1]).await.unwrap()[0], at(4)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_redis_makes_nobody_wait_longer_than_a_second() {
    let Some(server) = RedisServer::start() else { return };
    let store = store(&server.url(), "p");
    store.renew("gateway", at(0)).await.unwrap();
    server.pause();
    for _ in 0..4 {
        let started = Instant::now();
        let refusal = store.record(User { app: APP, num: 1 }, Sign::Active, at(0)).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::Unavailable);
        assert!(started.elapsed() < Duration::from_millis(1300), "{:?}", started.elapsed());
    }
    server.resume();
    let renew = async || store.renew("gateway", at(1)).await.ok();
    parlance_testkit::wait_until("an answer", renew, Option::is_some).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_has_an_end_and_a_connected_user_outlives_it() {
    let Some(server) = RedisServer::start() else { return };
    let store = store(&server.url(), "p");
    store.report("gateway", vec![opened(1), opened(2)], at(0)).await.unwrap();
    store.hear_typing(Typist { user: User { app: APP, num: 1 }, channel: 7 }, at(0)).await.unwrap();
    store.renew("other", at(0)).await.unwrap();
    let keys: Vec<String> = parlance_redis::answer(
        store
            .send(&[{
                let mut keys = cmd("KEYS");
                keys.arg("*");
                keys
            }])
            .await
            .unwrap()
            .remove(0),
    )
    .unwrap();
    assert!(keys.len() >= 7, "{keys:?}");
    for key in keys {
        assert!(key.starts_with("{p:presence}:"), "{key}");
        let mut life = cmd("PTTL");
        life.arg(&key);
        let life: i64 = parlance_redis::answer(store.send(&[life]).await.unwrap().remove(0)).unwrap();
        assert!(life > 0, "{key} lives for ever");
    }
    // Days later he is still connected, and nothing was told.
    for hours in 1..=72 {
        let now = at(hours * 3600);
        for minute in 0..60 {
            store.renew("gateway", now - Duration::from_secs(59 * minute)).await.unwrap();
        }
        assert_eq!(store.sweep(now).await.unwrap(), []);
    }
    assert!(is_online(&store.look(APP, &[1]).await.unwrap()[0], at(72 * 3600)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_will_do() {
    let Some(cluster) = RedisCluster::start() else { return };
    let store = store(&cluster.url(), "p");
    store.report("gateway", (1..=10).map(opened).collect(), at(0)).await.unwrap();
    let signs = store.look(APP, &[1, 10, 11]).await.unwrap();
    assert_eq!(signs.iter().map(|signs| is_online(signs, at(0))).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(store.sweep(at(60)).await.unwrap().len(), 10);
    assert_eq!(store.take_active(100).await.unwrap().len(), 10);
}
