//! What becomes of the bus when Redis has faults.

use std::time::{Duration, Instant};

use parlance_bus::{Bus, Item, Message, Subscription, Topic};
use parlance_core::Reason;
use parlance_proto::event::BusMessage;
use parlance_proto::event::bus_message::{Body, Wake};
use parlance_redis::{Redis, Settings, cmd};
use parlance_testkit::{RedisServer, redis_url, unique_prefix, wait_until};
use prost::Message as _;

use crate::conformance::{event, next, next_event, over, redis_bus};

/// Publishes until it succeeds.
pub async fn publish_again(bus: &dyn Bus, topic: Topic, offset: u64) {
    let publish = async || bus.publish(vec![(topic, event(offset))]).await.is_ok();
    wait_until("a publish to succeed", publish, |done| *done).await;
}

/// Waits for the next `Lagged`; skips messages.
pub async fn lagged(subscription: &mut Box<dyn Subscription>) {
    while !matches!(next(subscription).await, Item::Lagged) {}
}

/// Publishes until it arrives: each topic is heard again in its own time, and said to lag until then.
pub async fn heard_again(bus: &dyn Bus, heard: &mut Box<dyn Subscription>, topic: Topic, offset: u64) {
    publish_again(bus, topic, offset).await;
    loop {
        match next(heard).await {
            Item::Lagged => publish_again(bus, topic, offset).await,
            Item::Message(arrived, Message::Event(event)) if arrived == topic && event.offset == offset => {
                return;
            }
            Item::Message(..) => {}
        }
    }
}

async fn refusal_in_time(bus: &dyn Bus) {
    let started = Instant::now();
    let refusal = bus.publish(vec![(Topic::Accounts, event(0))]).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::Unavailable);
    assert!(started.elapsed() < Duration::from_millis(1200), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_of_redis_listeners_are_told_and_hear_again() {
    let Some(mut server) = RedisServer::start() else { return };
    let pair = over(&server.url(), "p");
    let mut heard = pair.other.subscribe().await.unwrap();
    for topic in [Topic::Accounts, Topic::Stream(5)] {
        heard.topics().listen(topic).await.unwrap();
    }
    pair.one.publish(vec![(Topic::Accounts, event(1))]).await.unwrap();
    assert_eq!(next_event(&mut heard).await, (Topic::Accounts, 1));
    server.kill();
    for _ in 0..3 {
        refusal_in_time(&*pair.one).await;
    }
    assert!(pair.one.probe().await.is_err());
    // Recorded while Redis is away.
    let started = Instant::now();
    heard.topics().listen(Topic::Presence).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(2500));
    server.restart();
    lagged(&mut heard).await;
    for (topic, offset) in [(Topic::Accounts, 2), (Topic::Stream(5), 3), (Topic::Presence, 4)] {
        heard_again(&*pair.one, &mut heard, topic, offset).await;
    }
    pair.one.probe().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_redis_refuses_in_time_and_is_healed_after() {
    let Some(server) = RedisServer::start() else { return };
    let pair = over(&server.url(), "p");
    let mut heard = pair.other.subscribe().await.unwrap();
    heard.topics().listen(Topic::Accounts).await.unwrap();
    pair.one.publish(vec![(Topic::Accounts, event(1))]).await.unwrap();
    assert_eq!(next_event(&mut heard).await, (Topic::Accounts, 1));
    server.pause();
    let paused = Instant::now();
    while paused.elapsed() < Duration::from_secs(10) {
        refusal_in_time(&*pair.one).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    server.resume();
    let resumed = Instant::now();
    lagged(&mut heard).await;
    heard_again(&*pair.one, &mut heard, Topic::Accounts, 2).await;
    assert!(resumed.elapsed() < Duration::from_secs(5), "{:?}", resumed.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_may_start_before_redis() {
    let Some(mut server) = RedisServer::start() else { return };
    server.kill();
    let bus = redis_bus(&server.url(), "p");
    let mut heard = bus.subscribe().await.unwrap();
    heard.topics().listen(Topic::Accounts).await.unwrap();
    refusal_in_time(&bus).await;
    server.restart();
    lagged(&mut heard).await;
    heard_again(&bus, &mut heard, Topic::Accounts, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_no_server_for_rediss() {
    let Some(url) = redis_url() else { return };
    let bus = redis_bus(&url.replacen("redis://", "rediss://", 1), &unique_prefix());
    refusal_in_time(&bus).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hole_in_a_publishers_numbers_is_told_before_what_follows_it() {
    let Some(url) = redis_url() else { return };
    let prefix = unique_prefix();
    let bus = redis_bus(&url, &prefix);
    let redis = Redis::open(&Settings::new(url).with_prefix(&prefix)).unwrap();
    let mut heard = bus.subscribe().await.unwrap();
    heard.topics().listen(Topic::Accounts).await.unwrap();
    let send = async |publisher, sequence| {
        let body = Some(Body::Wake(Wake {}));
        let topic = format!("{prefix}:bus:{{accounts}}");
        let mut publish = cmd("SPUBLISH");
        publish.arg(&topic).arg(BusMessage { body, publisher, sequence }.encode_to_vec());
        redis.run(&topic, &[publish]).await.unwrap();
    };
    // Numbers of one publisher from where we came in, beside those of another; then one is missing.
    for (publisher, sequence) in [(1, 7), (2, 1), (1, 8), (2, 2), (1, 10), (1, 9), (2, 3)] {
        send(publisher, sequence).await;
    }
    for _ in 0..4 {
        assert!(matches!(next(&mut heard).await, Item::Message(..)));
    }
    assert!(matches!(next(&mut heard).await, Item::Lagged));
    // 10, not the 9 that came too late, and the other publisher's 3.
    for _ in 0..2 {
        assert!(matches!(next(&mut heard).await, Item::Message(..)));
    }
    bus.publish(vec![(Topic::Accounts, event(1))]).await.unwrap();
    assert_eq!(next_event(&mut heard).await, (Topic::Accounts, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn installations_with_different_prefixes_do_not_hear_each_other() {
    let Some(url) = redis_url() else { return };
    let (one, other) = (redis_bus(&url, &unique_prefix()), redis_bus(&url, &unique_prefix()));
    let mut heard = one.subscribe().await.unwrap();
    heard.topics().listen(Topic::Accounts).await.unwrap();
    other.publish(vec![(Topic::Accounts, event(1))]).await.unwrap();
    one.publish(vec![(Topic::Accounts, event(2))]).await.unwrap();
    assert_eq!(next_event(&mut heard).await, (Topic::Accounts, 2));
}
