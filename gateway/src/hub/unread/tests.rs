use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use parlance_bus::MemoryBus;
use parlance_proto::event::{MessageCreated, Stream as StreamName, event::Payload, stream::Kind};
use parlance_proto::message::{GetUnreadRequest, GetUnreadResponse, Message, get_unread_response};
use parlance_testkit::wait_until;
use serde_json::Value;

use super::super::connection::{Item, QueueLimits};
use super::super::fake;
use super::super::stream::{LogRead, StreamKey, Wish};
use super::news::Fact;
use super::order::{Heard, Loaded};
use super::*;
use crate::realtime::protocol::Protocol;

const CHANNEL: Num = 1;
const USER: Num = 7;
const AUTHOR: Num = 8;

/// A message service in which everybody is a member of one channel and has read nothing.
#[derive(Default)]
struct Service {
    sent: AtomicU64,
    away: AtomicBool,
    /// How often it was asked about each user.
    asked: Mutex<HashMap<Num, usize>>,
    /// The most users of one question.
    most: Mutex<usize>,
}

impl Service {
    fn answer(&self, call: &str, request: &[u8]) -> Option<Vec<u8>> {
        if call != "GetUnread" || self.away.load(SeqCst) {
            return None;
        }
        let request: GetUnreadRequest = fake::decoded(request);
        let mut most = self.most.lock();
        *most = request.user_nums.len().max(*most);
        let sent = self.sent.load(SeqCst);
        let users = request.user_nums.into_iter().map(|user_num| {
            *self.asked.lock().entry(user_num).or_default() += 1;
            let channel = get_unread_response::Channel {
                channel_num: CHANNEL,
                unread: sent,
                as_of_offset: sent,
                ..Default::default()
            };
            get_unread_response::User { user_num, channels: vec![channel] }
        });
        fake::encoded(&GetUnreadResponse { users: users.collect() })
    }

    /// Stores a message; the event that tells of it.
    fn send(&self) -> Event {
        let offset = self.sent.fetch_add(1, SeqCst) + 1;
        let message = Message {
            channel_num: CHANNEL,
            author_num: AUTHOR,
            seq: offset,
            counted: true,
            ..Default::default()
        };
        let created = MessageCreated { message: Some(message), ..Default::default() };
        let stream = Some(StreamName { kind: Kind::Chat.into(), num: CHANNEL });
        Event { stream, offset, payload: Some(Payload::MessageCreated(created)), ..Default::default() }
    }

    fn asked_about(&self, user: Num) -> usize {
        self.asked.lock().get(&user).copied().unwrap_or_default()
    }
}

struct World {
    edge: Edge,
    service: Arc<Service>,
    connection: Arc<Connection>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.edge.stop().cancel();
    }
}

impl World {
    /// A user whose connection is shown his stream.
    async fn new() -> Self {
        let service = Arc::new(Service::default());
        let answering = service.clone();
        let edge =
            fake::edge(Arc::new(MemoryBus::new()), move |call, request| answering.answer(call, request));
        let edge = edge.await;
        let limits = QueueLimits { soft_bytes: 1 << 20, hard_bytes: 1 << 24, age: Duration::from_secs(60) };
        let connection = Arc::new(Connection::new(1, Protocol::Json, limits));
        let key = StreamKey::user(USER);
        let stream = edge.hub().subscribe(key, Uuid::nil(), "user:a:b", 1, &connection, false);
        let read = LogRead { epoch: "E".into(), top: 0, first: 1, entries: Arc::default() };
        stream.join(1, USER, &Wish::default(), Some(&read)).0.unwrap();
        Self { edge, service, connection }
    }

    fn tracker(&self) -> &Tracker {
        self.edge.hub().unread()
    }

    fn track(&self, user: Num) {
        self.tracker().track(Uuid::nil(), user, &self.connection);
    }

    /// The counts of the channel that were pushed since the last look.
    fn pushed(&self) -> Vec<u64> {
        let items = self.connection.take().items.into_iter();
        items
            .filter_map(|item| match item {
                Item::Publication(publication) => Some(publication.recovered().data),
                Item::Ended { .. } => None,
            })
            .map(|data| serde_json::from_slice::<Value>(&data).unwrap())
            .filter(|shown| shown["type"] == "channel.unread_changed")
            .map(|shown| shown["payload"]["count"].as_u64().unwrap())
            .collect()
    }

    async fn shows(&self, count: u64) {
        let mut last = None;
        wait_until(
            "the count",
            async || {
                last = self.pushed().last().copied().or(last);
                last
            },
            |last| *last == Some(count),
        )
        .await;
    }
}

#[tokio::test]
async fn counts_are_loaded_once_and_then_follow_the_events() {
    let world = World::new().await;
    world.service.send();
    world.track(USER);
    world.shows(1).await;
    let asked = world.service.asked_about(USER);
    world.tracker().observe(&world.service.send());
    world.tracker().observe(&world.service.send());
    world.shows(3).await;
    assert_eq!(world.service.asked_about(USER), asked);
}

#[tokio::test]
async fn counts_are_right_after_more_events_than_fit() {
    let world = World::new().await;
    world.service.send();
    world.track(USER);
    world.shows(1).await;
    let asked = world.service.asked_about(USER);
    // The task does not run meanwhile: tests have one thread.
    for _ in 0..NEWS_WAITING * 2 {
        world.tracker().observe(&world.service.send());
    }
    assert_eq!(world.tracker().news.capacity(), 0, "no more wait than fit");
    world.shows(NEWS_WAITING as u64 * 2 + 1).await;
    assert!(world.service.asked_about(USER) > asked, "what was dropped is made up for by a load");

    let asked = world.service.asked_about(USER);
    world.tracker().observe(&world.service.send());
    world.shows(NEWS_WAITING as u64 * 2 + 2).await;
    assert_eq!(world.service.asked_about(USER), asked, "then events are enough again");
}

#[tokio::test]
async fn an_event_that_the_bus_brings_again_much_later_is_not_counted_again() {
    let world = World::new().await;
    world.service.send();
    world.track(USER);
    world.shows(1).await;
    let events: Vec<Event> = (0..400).map(|_| world.service.send()).collect();
    events.iter().for_each(|event| world.tracker().observe(event));
    world.shows(401).await;
    world.tracker().observe(&events[3]);
    world.tracker().observe(&world.service.send());
    world.shows(402).await;
}

#[tokio::test]
async fn a_loss_that_only_the_bus_knows_of_is_made_up_for() {
    let world = World::new().await;
    world.service.send();
    world.track(USER);
    world.shows(1).await;
    drop(world.service.send());
    world.tracker().reload();
    world.shows(2).await;
}

#[tokio::test]
async fn reloads_of_many_users_go_a_few_at_a_time_and_repeat_little() {
    let world = World::new().await;
    let users = 100..3100;
    users.clone().for_each(|user| world.track(user));
    let at_least = async |times: usize| {
        let behind = async || users.clone().filter(|&user| world.service.asked_about(user) < times).count();
        wait_until("everybody's counts", behind, |behind| *behind == 0).await;
    };
    // Once to learn the channel, and once more for those who came before it was heard.
    at_least(1).await;
    // He is the last in the line.
    world.service.send();
    world.track(USER);
    world.shows(1).await;
    assert!(users.clone().all(|user| world.service.asked_about(user) <= 3));

    world.service.asked.lock().clear();
    world.tracker().reload();
    at_least(1).await;
    assert!(users.clone().all(|user| world.service.asked_about(user) <= 2));
    assert!(*world.service.most.lock() <= 256, "{}", world.service.most.lock());
}

#[tokio::test]
async fn a_load_that_fails_is_repeated_after_a_pause() {
    let world = World::new().await;
    world.service.away.store(true, SeqCst);
    world.service.send();
    world.track(USER);
    wait_until("tracked", async || world.tracker().tracks_anybody(), |tracked| *tracked).await;
    world.service.away.store(false, SeqCst);
    world.shows(1).await;
}

#[tokio::test]
async fn who_is_tracked_and_untracked_is_tracked_no_more() {
    let world = World::new().await;
    for _ in 0..100 {
        world.track(USER);
        world.tracker().untrack(USER, &world.connection);
    }
    world.track(USER + 1);
    wait_until(
        "the other one alone is tracked",
        async || (world.tracker().tracked.load(Ordering::Acquire), world.service.asked_about(USER + 1)),
        |(tracked, asked)| *tracked == 1 && *asked > 0,
    )
    .await;
    assert_eq!(world.service.asked_about(USER), 0);
}

/// The task's state of a user who was given the first place, driven by hand.
fn counting(world: &World) -> Counting {
    let mut counting = Counting::new(&world.edge, mpsc::unbounded_channel().0, Arc::default());
    counting.track(Uuid::nil(), USER, world.connection.clone());
    assert_eq!(counting.line.next(Instant::now()), Some(USER));
    counting
}

/// Three unread messages in each channel.
fn answer(counting: &mut Counting, asked_at: Instant, channels: &[Num]) {
    let channel = |&channel_num| get_unread_response::Channel {
        channel_num,
        unread: 3,
        as_of_offset: 3,
        ..Default::default()
    };
    let generation = counting.users[&USER].generation;
    let result = Ok(channels.iter().map(channel).collect());
    counting.loaded(Loaded { user: USER, generation, asked_at, result });
}

#[tokio::test]
async fn who_leaves_the_last_channel_that_is_not_heard_waits_for_it_no_more() {
    let world = World::new().await;
    let mut counting = counting(&world);
    answer(&mut counting, Instant::now(), &[1, 2]);
    counting.heard(Heard { channels: vec![1], failed: Vec::new() });
    assert_eq!(counting.line.next(Instant::now()), None, "another channel is not heard yet");
    let left = Fact::Left { user: USER, channel: 2 };
    counting.hear(News::Event { entry: None, fact: Some(left) });
    assert_eq!(counting.line.next(Instant::now()), Some(USER));
    answer(&mut counting, Instant::now(), &[1]);
    assert_eq!(world.pushed(), [3]);
}

#[tokio::test]
async fn what_was_asked_for_before_a_loss_is_not_believed() {
    let world = World::new().await;
    let mut counting = counting(&world);
    answer(&mut counting, Instant::now(), &[1]);
    counting.heard(Heard { channels: vec![1], failed: Vec::new() });
    assert_eq!(counting.line.next(Instant::now()), Some(USER));
    let asked_at = Instant::now();
    counting.reload();
    answer(&mut counting, asked_at, &[1]);
    assert!(!counting.users[&USER].ready);
    assert_eq!(counting.line.next(Instant::now()), Some(USER), "he is asked about once more");
    answer(&mut counting, Instant::now(), &[1]);
    assert_eq!(world.pushed(), [3]);
}
