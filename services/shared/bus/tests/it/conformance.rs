//! What every bus must do: one list of tests, run over each bus.

use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Bus, CAPACITY, Item, MemoryBus, Message, RedisBus, Subscription, Topic};
use parlance_proto::event::stream::Kind;
use parlance_proto::event::{Event, Stream, StreamHead, UserUpdated, event::Payload};
use parlance_redis::{Redis, Settings};
use parlance_testkit::{PATIENCE, redis_url, unique_prefix};

/// The bus of one process and that of another.
pub struct Pair {
    pub one: Box<dyn Bus>,
    pub other: Box<dyn Bus>,
}

fn memory() -> Option<Pair> {
    let bus = MemoryBus::new();
    Some(Pair { one: Box::new(bus.clone()), other: Box::new(bus) })
}

fn redis() -> Option<Pair> {
    redis_url().map(|url| over(&url, &unique_prefix()))
}

/// Two buses, as two processes would have them.
pub fn over(url: &str, prefix: &str) -> Pair {
    Pair { one: Box::new(redis_bus(url, prefix)), other: Box::new(redis_bus(url, prefix)) }
}

pub fn redis_bus(url: &str, prefix: &str) -> RedisBus {
    RedisBus::new(Redis::open(&Settings::new(url).with_prefix(prefix)).unwrap())
}

pub fn event(offset: u64) -> Message {
    Message::Event(Arc::new(Event { offset, ..Event::default() }))
}

pub async fn next(subscription: &mut Box<dyn Subscription>) -> Item {
    let waited = tokio::time::timeout(PATIENCE, subscription.recv()).await;
    waited.expect("an item in time").expect("the bus goes on")
}

/// The next item's topic and offset.
pub async fn next_event(subscription: &mut Box<dyn Subscription>) -> (Topic, u64) {
    match next(subscription).await {
        Item::Message(topic, Message::Event(event)) => (topic, event.offset),
        other => panic!("no event: {other:?}"),
    }
}

pub async fn only_heard_topics_arrive_and_in_order(pair: Pair) {
    let mut heard = pair.other.subscribe().await.unwrap();
    heard.topics().listen(Topic::Stream(1)).await.unwrap();
    heard.topics().listen(Topic::Log("auth")).await.unwrap();
    for offset in 0..100 {
        let messages = [Topic::Stream(1), Topic::Stream(2), Topic::Presence, Topic::Log("auth")];
        pair.one.publish(messages.map(|topic| (topic, event(offset))).into()).await.unwrap();
    }
    let (mut streams, mut logs) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        match next_event(&mut heard).await {
            (Topic::Stream(1), offset) => streams.push(offset),
            (Topic::Log("auth"), offset) => logs.push(offset),
            other => panic!("not listened to: {other:?}"),
        }
    }
    assert!(streams.iter().copied().eq(0..100), "{streams:?}");
    assert!(logs.iter().copied().eq(0..100), "{logs:?}");
}

pub async fn calls_at_the_same_time_keep_their_own_order_and_lose_nothing(pair: Pair) {
    const CALLS: u64 = 50;
    let mut heard = pair.other.subscribe().await.unwrap();
    heard.topics().listen(Topic::Accounts).await.unwrap();
    let bus = &pair.one;
    let call = |number: u64| async move {
        let messages = (0..10).map(|step| (Topic::Accounts, event(number * 10 + step))).collect();
        bus.publish(messages).await.unwrap();
    };
    futures_util::future::join_all((0..CALLS).map(call)).await;
    let mut reached = [0; CALLS as usize];
    for _ in 0..CALLS * 10 {
        let (_, offset) = next_event(&mut heard).await;
        let step = &mut reached[offset as usize / 10];
        assert_eq!(*step, offset % 10);
        *step += 1;
    }
    assert_eq!(reached, [10; CALLS as usize]);
}

pub async fn listening_counts_and_ends_with_the_last_leave(pair: Pair) {
    let mut heard = pair.one.subscribe().await.unwrap();
    let topics = heard.topics();
    for topic in [Topic::Accounts, Topic::Accounts, Topic::Presence] {
        topics.listen(topic).await.unwrap();
    }
    let both = |offset| vec![(Topic::Accounts, event(offset)), (Topic::Presence, event(offset))];
    topics.leave(Topic::Accounts).await;
    pair.other.publish(both(1)).await.unwrap();
    let mut arrived = [next_event(&mut heard).await, next_event(&mut heard).await];
    arrived.sort_by_key(|(topic, _)| *topic == Topic::Presence);
    assert_eq!(arrived, [(Topic::Accounts, 1), (Topic::Presence, 1)]);
    topics.leave(Topic::Accounts).await;
    pair.other.publish(both(2)).await.unwrap();
    assert_eq!(next_event(&mut heard).await, (Topic::Presence, 2));
    topics.listen(Topic::Accounts).await.unwrap();
    pair.other.publish(vec![(Topic::Accounts, event(3))]).await.unwrap();
    assert_eq!(next_event(&mut heard).await, (Topic::Accounts, 3));
}

pub async fn leaving_a_topic_never_listened_to_does_nothing(pair: Pair) {
    let mut heard = pair.one.subscribe().await.unwrap();
    heard.topics().leave(Topic::Accounts).await;
    heard.topics().listen(Topic::Accounts).await.unwrap();
    pair.one.publish(vec![(Topic::Accounts, event(1))]).await.unwrap();
    assert_eq!(next_event(&mut heard).await, (Topic::Accounts, 1));
}

pub async fn each_subscription_hears_for_itself(pair: Pair) {
    let mut first = pair.one.subscribe().await.unwrap();
    let mut second = pair.one.subscribe().await.unwrap();
    for heard in [&first, &second] {
        heard.topics().listen(Topic::Accounts).await.unwrap();
    }
    pair.other.publish(vec![(Topic::Accounts, event(1))]).await.unwrap();
    assert_eq!(next_event(&mut first).await, (Topic::Accounts, 1));
    drop(first);
    pair.other.publish(vec![(Topic::Accounts, event(2))]).await.unwrap();
    assert_eq!(next_event(&mut second).await, (Topic::Accounts, 1));
    assert_eq!(next_event(&mut second).await, (Topic::Accounts, 2));
}

pub async fn what_a_dropped_subscription_still_leaves_is_nothing_to_others(pair: Pair) {
    let dropped = pair.one.subscribe().await.unwrap();
    let mut heard = pair.one.subscribe().await.unwrap();
    let late = dropped.topics();
    late.listen(Topic::Accounts).await.unwrap();
    heard.topics().listen(Topic::Accounts).await.unwrap();
    drop(dropped);
    late.leave(Topic::Accounts).await;
    pair.other.publish(vec![(Topic::Accounts, event(1))]).await.unwrap();
    assert_eq!(next_event(&mut heard).await, (Topic::Accounts, 1));
}

pub async fn both_processes_hear_each_other_and_themselves(pair: Pair) {
    let mut one = pair.one.subscribe().await.unwrap();
    let mut other = pair.other.subscribe().await.unwrap();
    for heard in [&one, &other] {
        heard.topics().listen(Topic::Presence).await.unwrap();
    }
    pair.one.publish(vec![(Topic::Presence, event(1))]).await.unwrap();
    for heard in [&mut one, &mut other] {
        assert_eq!(next_event(heard).await, (Topic::Presence, 1));
    }
    pair.other.publish(vec![(Topic::Presence, event(2))]).await.unwrap();
    for heard in [&mut one, &mut other] {
        assert_eq!(next_event(heard).await, (Topic::Presence, 2));
    }
}

pub async fn events_wakes_and_heads_arrive_unchanged(pair: Pair) {
    let event = Arc::new(Event {
        id: "e".into(),
        offset: 1 << 60,
        stream: Some(Stream { kind: Kind::Chat.into(), num: 7 }),
        audience_nums: vec![1, 2],
        payload: Some(Payload::UserUpdated(UserUpdated { user_num: 9 })),
        ..Event::default()
    });
    let stream = Some(Stream { kind: Kind::User.into(), num: 8 });
    let head = StreamHead { app_id: "a".into(), stream, epoch: "p".into(), offset: 3 };
    let mut heard = pair.other.subscribe().await.unwrap();
    heard.topics().listen(Topic::Stream(3)).await.unwrap();
    let messages = [
        Message::Event(event.clone()),
        Message::Wake,
        Message::Heads([head.clone(), head.clone()].into()),
        Message::Heads([].into()),
    ];
    pair.one.publish(messages.map(|message| (Topic::Stream(3), message)).into()).await.unwrap();
    let mut next = async || match next(&mut heard).await {
        Item::Message(_, message) => message,
        Item::Lagged => panic!("nothing was lost"),
    };
    assert!(matches!(next().await, Message::Event(arrived) if arrived == event));
    assert!(matches!(next().await, Message::Wake));
    assert!(matches!(next().await, Message::Heads(heads) if *heads == [head.clone(), head]));
    assert!(matches!(next().await, Message::Heads(heads) if heads.is_empty()));
}

pub async fn an_overflow_is_told_after_what_was_queued(pair: Pair) {
    let mut slow = pair.one.subscribe().await.unwrap();
    let mut fast = pair.one.subscribe().await.unwrap();
    for heard in [&slow, &fast] {
        heard.topics().listen(Topic::Accounts).await.unwrap();
    }
    for _ in 0..CAPACITY / 512 + 1 {
        pair.one.publish(vec![(Topic::Accounts, Message::Wake); 512]).await.unwrap();
        for _ in 0..512 {
            assert!(matches!(next(&mut fast).await, Item::Message(..)));
        }
    }
    for _ in 0..CAPACITY {
        assert!(matches!(next(&mut slow).await, Item::Message(..)));
    }
    assert!(matches!(next(&mut slow).await, Item::Lagged));
    pair.one.publish(vec![(Topic::Accounts, event(1))]).await.unwrap();
    assert_eq!(next_event(&mut slow).await, (Topic::Accounts, 1));
    assert_eq!(next_event(&mut fast).await, (Topic::Accounts, 1));
}

pub async fn the_probe_makes_a_round_trip_each_time(pair: Pair) {
    for _ in 0..3 {
        pair.one.probe().await.unwrap();
        pair.other.probe().await.unwrap();
    }
}

pub async fn a_listener_who_gives_up_does_not_listen(pair: Pair) {
    let mut heard = pair.one.subscribe().await.unwrap();
    let topics = heard.topics();
    let _ = tokio::time::timeout(Duration::ZERO, topics.listen(Topic::Accounts)).await;
    topics.listen(Topic::Presence).await.unwrap();
    topics.listen(Topic::Accounts).await.unwrap();
    pair.other.publish(vec![(Topic::Accounts, event(1))]).await.unwrap();
    assert_eq!(next_event(&mut heard).await, (Topic::Accounts, 1));
}

macro_rules! conformance {
    ($($test:ident)*) => {
        mod memory {
            $(
                #[tokio::test]
                async fn $test() {
                    let Some(pair) = super::memory() else { return };
                    super::$test(pair).await;
                }
            )*
        }
        mod redis {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let Some(pair) = super::redis() else { return };
                    super::$test(pair).await;
                }
            )*
        }
    };
}

conformance! {
    only_heard_topics_arrive_and_in_order
    calls_at_the_same_time_keep_their_own_order_and_lose_nothing
    listening_counts_and_ends_with_the_last_leave
    leaving_a_topic_never_listened_to_does_nothing
    each_subscription_hears_for_itself
    what_a_dropped_subscription_still_leaves_is_nothing_to_others
    both_processes_hear_each_other_and_themselves
    events_wakes_and_heads_arrive_unchanged
    an_overflow_is_told_after_what_was_queued
    the_probe_makes_a_round_trip_each_time
    a_listener_who_gives_up_does_not_listen
}
