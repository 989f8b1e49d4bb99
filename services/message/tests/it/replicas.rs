//! Three replicas of every service on one PostgreSQL. Each has a bus of its own unless the test is about
//! the bus, so that nothing rests on its delivering.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parlance_bus::{Bus as _, Item, MemoryBus, Message as BusMessage, Topic};
use parlance_core::{Error, Num, Reason};
use parlance_proto::auth::DeleteUsersRequest;
use parlance_proto::channel::{CreateChannelRequest, GetChannelsRequest};
use parlance_proto::event::{event::Payload, stream::Kind};
use parlance_proto::message::*;
use parlance_sql::Store;
use sea_orm::{ConnectionTrait as _, Statement};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::broken::Faults;
use crate::world::{Services, Stores, World, reference, settings, start, text_to};

/// Replicas that share their tables. The first has made the app.
pub struct Replicas {
    /// The same world through each replica.
    pub worlds: Vec<World>,
    pub stores: Stores,
    pub buses: Vec<Arc<MemoryBus>>,
    runtimes: Vec<Option<Runtime>>,
    stops: Vec<CancellationToken>,
    /// Of the next replica.
    faults: Faults,
    url: String,
    run: String,
}

impl Replicas {
    /// `None`, with a note, where no PostgreSQL is named.
    pub async fn start(count: usize) -> Option<Self> {
        let Ok(url) = std::env::var("PARLANCE_TEST_POSTGRES_URL") else {
            println!("skipped: PARLANCE_TEST_POSTGRES_URL is not set");
            return None;
        };
        Some(Self::on(url, count).await)
    }

    /// On the server that has this URL.
    pub async fn on(url: String, count: usize) -> Self {
        let run = Uuid::new_v4().simple().to_string();
        let mut replicas = Self {
            worlds: Vec::new(),
            stores: open(&url, &url, &run).await,
            buses: Vec::new(),
            runtimes: Vec::new(),
            stops: Vec::new(),
            faults: Faults::default(),
            url,
            run,
        };
        for _ in 0..count {
            replicas.add(None).await;
        }
        replicas
    }

    /// Starts one more, in a runtime of its own so that it can be killed. Its message service may reach
    /// the database by another way.
    pub async fn add(&mut self, message_url: Option<&str>) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (bus, stop) = (Arc::new(MemoryBus::new()), CancellationToken::new());
        let (url, run) = (self.url.clone(), self.run.clone());
        let message_url = message_url.unwrap_or(&url).to_owned();
        let (own_bus, own_stop, faults) = (bus.clone(), stop.clone(), std::mem::take(&mut self.faults));
        let started = runtime.spawn(async move {
            let stores = open(&url, &message_url, &run).await;
            start(stores, own_bus, faults, own_stop).await
        });
        let services: Services = started.await.unwrap();
        let world = match self.worlds.first() {
            Some(first) => first.through(&services),
            None => World::with(&services, self.stores.message.clone(), bus.clone()).await,
        };
        self.worlds.push(world);
        self.buses.push(bus);
        self.runtimes.push(Some(runtime));
        self.stops.push(stop);
    }

    /// Ways to break what the replica that is added next stands on.
    pub fn prepare_faults(&mut self) -> Faults {
        self.faults = Faults::default();
        self.faults.clone()
    }

    /// Ends a replica as a crash does: whatever it was doing stops, and nothing is cleaned up.
    pub fn kill(&mut self, index: usize) {
        if let Some(runtime) = self.runtimes[index].take() {
            runtime.shutdown_background();
        }
    }

    /// One that takes its leave.
    pub fn stop(&self, index: usize) {
        self.stops[index].cancel();
    }

    fn each(&self) -> impl Iterator<Item = &World> {
        self.worlds.iter().cycle()
    }

    async fn count(&self, sql: &str) -> i64 {
        number(&self.stores.message, sql).await
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        for index in 0..self.runtimes.len() {
            self.kill(index);
        }
        if !std::thread::panicking() {
            let schemas = ["auth", "channel", "message"].map(|one| format!("test_{}_{one}", self.run));
            crate::postgres::drop_schemas(self.url.clone(), schemas.to_vec());
        }
    }
}

async fn open(url: &str, message_url: &str, run: &str) -> Stores {
    let store = async |url: &str, service: &str| Store::open(&settings(url, run, service)).await.unwrap();
    Stores {
        auth: store(url, "auth").await,
        channel: store(url, "channel").await,
        message: store(message_url, "message").await,
    }
}

pub async fn number(store: &Store, sql: &str) -> i64 {
    let statement = Statement::from_string(store.backend(), sql);
    let row = store.read().query_one_raw(statement).await.unwrap().unwrap();
    row.try_get::<i64>("", "n").unwrap()
}

pub async fn execute(store: &Store, sql: &str) {
    let write = store.begin().await.unwrap();
    write.connection().execute_unprepared(sql).await.unwrap();
    drop(write.commit().await.unwrap());
}

pub fn offsets(events: &[parlance_proto::event::Event]) -> Vec<u64> {
    events.iter().map(|event| event.offset).collect()
}

pub fn consecutive(count: usize) -> Vec<u64> {
    (1..=count as u64).collect()
}

pub async fn wait_for(what: &str, limit: Duration, mut done: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !done().await {
        assert!(started.elapsed() < limit, "waited {limit:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_applied_once_whichever_replica_meets_them() {
    let Some(replicas) = Replicas::start(3).await else { return };
    let users = replicas.worlds[0].users(&["alice", "bob", "carol"]).await;
    let creations = replicas.each().take(60).map(|world| world.channel("group", users[0], &users[1..2]));
    let channels = join_all(creations).await;
    let changes = replicas.each().zip(&channels).map(|(world, &channel)| {
        let users = &users;
        async move {
            world.add(channel, users[0], &users[2..]).await;
            world.remove(channel, users[0], users[2]).await;
        }
    });
    join_all(changes).await;
    for world in &replicas.worlds {
        let own = world.entries(Kind::User, users[1]).await;
        let created = own.iter().filter(|event| matches!(event.payload, Some(Payload::ChannelCreated(_))));
        assert_eq!((created.count(), offsets(&own)), (60, consecutive(60)));
        for &channel in &channels {
            let events = world.entries(Kind::Chat, channel).await;
            assert!(
                matches!(&events[..], [a, b] if matches!(a.payload, Some(Payload::MemberJoined(_)))
                    && matches!(b.payload, Some(Payload::MemberLeft(_)))),
                "{events:?}"
            );
        }
    }
    let sum = "SELECT CAST(SUM(member_count) AS BIGINT) AS n FROM stream_heads WHERE stream > 0";
    assert_eq!(replicas.count(sum).await, 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_arrive_although_the_replica_that_applies_them_is_killed() {
    let Some(mut replicas) = Replicas::start(3).await else { return };
    let users = replicas.worlds[0].users(&["alice", "bob"]).await;
    for victim in [0, 1] {
        let creations = (0..40).map(|n| {
            let request = CreateChannelRequest {
                r#type: "group".into(),
                name: format!("channel {victim} {n}"),
                member_nums: vec![users[1]],
                ..Default::default()
            };
            let (world, owner) = (&replicas.worlds[2], users[0]);
            async move {
                let answer = world.channel.clone().create_channel(world.by(owner).request(request)).await;
                answer.unwrap().into_inner().log_position
            }
        });
        let position = join_all(creations).await.into_iter().max().unwrap();
        replicas.kill(victim);
        let started = Instant::now();
        replicas.worlds[2].settle(position).await;
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    }
    let own = replicas.worlds[2].entries(Kind::User, users[1]).await;
    assert_eq!(offsets(&own), consecutive(80));
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_through_three_replicas_leave_no_hole_no_double_and_no_error() {
    let Some(replicas) = Replicas::start(3).await else { return };
    let users = replicas.worlds[0].users(&["alice", "bob"]).await;
    let mut channels = Vec::new();
    for _ in 0..4 {
        channels.push(replicas.worlds[0].channel("group", users[0], &users[1..]).await);
    }
    let sends = replicas.each().enumerate().take(600).map(|(n, world)| {
        let (channel, author) = (channels[n % 4], users[n % 2]);
        async move { (channel, world.send(author, channel, &format!("{n}")).await.seq) }
    });
    let facts = async {
        for _ in 0..5 {
            for &channel in &channels {
                let late = replicas.worlds[1].users(&[&Uuid::new_v4().to_string()]).await;
                replicas.worlds[1].add(channel, users[0], &late).await;
            }
        }
    };
    let (got, ()) = tokio::join!(join_all(sends), facts);
    for &channel in &channels {
        let mut seqs: Vec<u64> = got.iter().filter(|(of, _)| *of == channel).map(|(_, seq)| *seq).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, consecutive(150));
        let events = replicas.worlds[2].entries(Kind::Chat, channel).await;
        assert_eq!(offsets(&events), consecutive(155));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_id_at_once_through_three_replicas_is_one_message() {
    let Some(replicas) = Replicas::start(3).await else { return };
    let alice = replicas.worlds[0].users(&["alice"]).await[0];
    let channel = replicas.worlds[0].channel("group", alice, &[]).await;
    for _ in 0..20 {
        let id = Uuid::new_v4().to_string();
        let request = SendMessageRequest { client_message_id: id.clone(), ..text_to(channel, "once") };
        let sends = replicas.each().take(9).map(|world| world.try_send(alice, request.clone()));
        let answers: Vec<_> = join_all(sends).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1);
        let nums: Vec<Num> = answers.iter().map(|answer| answer.message.as_ref().unwrap().num).collect();
        assert!(nums.iter().all(|num| *num == nums[0]));
        assert!(answers.iter().all(|answer| answer.message.as_ref().unwrap().id == id));
    }
    assert_eq!(replicas.worlds[1].list(alice, channel).await.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wanted_id_in_three_channels_at_once_is_given_once_and_refuses_nobody() {
    let Some(replicas) = Replicas::start(3).await else { return };
    let alice = replicas.worlds[0].users(&["alice"]).await[0];
    let mut channels = Vec::new();
    for _ in 0..3 {
        channels.push(replicas.worlds[0].channel("group", alice, &[]).await);
    }
    for _ in 0..30 {
        let id = Uuid::new_v4().to_string();
        let sends = replicas.worlds.iter().zip(&channels).map(|(world, &channel)| {
            let request = SendMessageRequest { client_message_id: id.clone(), ..text_to(channel, "mine") };
            world.try_send(alice, request)
        });
        let answers: Vec<_> = join_all(sends).await.into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().all(|answer| !answer.repeated));
        let given = answers.iter().filter(|answer| answer.message.as_ref().unwrap().id == id).count();
        assert_eq!(given, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_has_one_direct_channel_whichever_replicas_make_it() {
    let Some(replicas) = Replicas::start(3).await else { return };
    let users = replicas.worlds[0].users(&["alice", "bob"]).await;
    let creations = replicas.each().enumerate().take(30).map(|(n, world)| {
        let (creator, other) = (users[n % 2], users[(n + 1) % 2]);
        world.channel(
            "messaging",
            creator,
            std::slice::from_ref(&users[if other == users[0] { 0 } else { 1 }]),
        )
    });
    let channels = join_all(creations).await;
    assert!(channels.iter().all(|channel| *channel == channels[0]), "{channels:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_reactions_and_positions_are_counted_across_replicas() {
    let Some(replicas) = Replicas::start(3).await else { return };
    let users = replicas.worlds[0].users(&["alice", "bob"]).await;
    let channel = replicas.worlds[0].channel("group", users[0], &users[1..]).await;
    let mut messages = Vec::new();
    for n in 0..30 {
        messages.push(replicas.worlds[n % 3].send(users[0], channel, &format!("{n}")).await);
    }
    let alice = users[0];
    let pins = replicas.each().zip(&messages).map(|(world, message)| async move {
        let request = PinMessageRequest { channel_num: channel, message: Some(reference(message)) };
        world.message.clone().pin_message(world.by(alice).request(request)).await
    });
    let refused: Vec<Reason> = join_all(pins)
        .await
        .into_iter()
        .filter_map(Result::err)
        .map(|status| Error::from(status).reason)
        .collect();
    assert_eq!(refused, vec![Reason::TooManyPins; 5]);

    let bob = users[1];
    let reactions = replicas.each().take(12).map(|world| {
        let request = AddReactionRequest {
            channel_num: channel,
            message: Some(reference(&messages[0])),
            r#type: "👍".into(),
        };
        async move {
            let answer = world.message.clone().add_reaction(world.by(bob).request(request)).await;
            answer.unwrap().into_inner().added
        }
    });
    assert_eq!(join_all(reactions).await.into_iter().filter(|added| *added).count(), 1);

    let reads =
        replicas.each().zip(&messages).map(|(world, message)| world.read(users[1], channel, Some(message)));
    join_all(reads).await;
    for world in &replicas.worlds {
        let again = world.read(users[1], channel, Some(&messages[3])).await;
        assert_eq!((again.last_read_seq, again.unread), (30, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_removed_through_one_replica_is_refused_by_the_others() {
    let Some(replicas) = Replicas::start(3).await else { return };
    let users = replicas.worlds[0].users(&["alice", "bob"]).await;
    let channel = replicas.worlds[0].channel("group", users[0], &users[1..]).await;
    let sent = replicas.worlds[0].send(users[0], channel, "seen by both").await;
    let refused = |status: tonic::Status| Error::from(status).reason;
    for world in &replicas.worlds {
        world.list(users[1], channel).await;
        world.send(users[1], channel, "I may").await;
    }
    // The facts are awaited through the first replica alone.
    replicas.worlds[0].remove(channel, users[0], users[1]).await;
    for world in &replicas.worlds {
        let bob = world.by(users[1]);
        let mut message = world.message.clone();
        let list = ListMessagesRequest { channel_num: channel, ..Default::default() };
        assert_eq!(refused(message.list_messages(bob.request(list)).await.unwrap_err()), Reason::NotAMember);
        let stream = Some(parlance_proto::event::Stream { kind: Kind::Chat.into(), num: channel });
        let positions = vec![StreamPosition { stream, offset: 0, epoch: String::new() }];
        let read = ReadStreamsRequest { positions, limit: 10 };
        assert_eq!(refused(message.read_streams(bob.request(read)).await.unwrap_err()), Reason::NotAMember);
        let get = GetMessagesRequest { messages: vec![reference(&sent)], channel_num: 0 };
        assert!(message.get_messages(bob.request(get)).await.unwrap().into_inner().messages.is_empty());
        let error = world.try_send(users[1], text_to(channel, "still?")).await.unwrap_err();
        assert_eq!(error.reason, Reason::NotAMember);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_leaves_each_channel_once_and_its_streams_say_so_once() {
    let Some(replicas) = Replicas::start(3).await else { return };
    let users = replicas.worlds[0].users(&["alice", "mortal"]).await;
    let creations = replicas.each().take(12).map(|world| world.channel("group", users[0], &users[1..]));
    let channels = join_all(creations).await;
    let world = &replicas.worlds[1];
    let request = DeleteUsersRequest { ids: vec!["mortal".into()] };
    let deleted =
        world.auth.clone().delete_users(world.service().request(request)).await.unwrap().into_inner();
    let mut position = 0;
    for world in &replicas.worlds {
        let request = parlance_proto::channel::AwaitFactsRequest {
            service: "auth".into(),
            log_position: deleted.log_position,
        };
        let reached = world.channel.clone().await_facts(world.service().request(request)).await.unwrap();
        position = reached.into_inner().log_position;
    }
    for world in &replicas.worlds {
        world.settle(position).await;
        for &channel in &channels {
            let events = world.entries(Kind::Chat, channel).await;
            assert!(
                matches!(&events[..], [left] if matches!(left.payload, Some(Payload::MemberLeft(_)))),
                "{events:?}"
            );
        }
    }
}

/// What arrives on a channel's topic, as far as it tells how far the channel has come.
pub async fn head_of(bus: &MemoryBus, channel: Num, offset: u64, limit: Duration) -> bool {
    let mut subscription = bus.subscribe().await.unwrap();
    subscription.topics().listen(Topic::chat(channel)).await.unwrap();
    let found = async {
        while let Some(item) = subscription.recv().await {
            if let Item::Message(_, BusMessage::Heads(heads)) = item
                && heads.iter().any(|head| {
                    head.stream.is_some_and(|stream| stream.num == channel) && head.offset == offset
                })
            {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(limit, found).await.unwrap_or(false)
}

/// Whether any of these buses hears it.
pub async fn heard(buses: &[Arc<MemoryBus>], channel: Num, offset: u64, limit: Duration) -> bool {
    join_all(buses.iter().map(|bus| head_of(bus, channel, offset, limit))).await.contains(&true)
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_streams_have_come_is_said_by_one_replica_and_by_another_when_it_dies() {
    let Some(mut replicas) = Replicas::start(3).await else { return };
    let alice = replicas.worlds[0].users(&["alice"]).await[0];
    let channel = replicas.worlds[0].channel("group", alice, &[]).await;
    for offset in 1..=2 {
        replicas.worlds[2].send(alice, channel, "x").await;
        let heads = replicas.buses.iter().map(|bus| head_of(bus, channel, offset, Duration::from_secs(8)));
        let telling: Vec<bool> = join_all(heads).await;
        assert_eq!(telling.iter().filter(|told| **told).count(), 1, "one tells: {telling:?}");
        let leader = telling.iter().position(|told| *told).unwrap();
        if offset == 1 && leader != 2 {
            replicas.kill(leader);
            replicas.buses.remove(leader);
            replicas.runtimes.remove(leader);
            replicas.stops.remove(leader);
            // Its world stays, for the app is in it.
        }
    }
    // Everything has been said: silence.
    wait_for("silence", Duration::from_secs(15), async || {
        !heard(&replicas.buses, channel, 2, Duration::from_millis(2500)).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_replica_left_untold_is_told_to_channel() {
    let Some(replicas) = Replicas::start(2).await else { return };
    let world = &replicas.worlds[0];
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    world.send(alice, channel, "x").await;
    let seq = format!("SELECT last_seq AS n FROM channels WHERE num = {channel}");
    assert_eq!(number(&replicas.stores.channel, &seq).await, 1);
    // As if a third replica had died between its commit and telling channel.
    execute(&replicas.stores.channel, &format!("UPDATE channels SET last_seq = 0 WHERE num = {channel}"))
        .await;
    let seen =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() - 5_500_000;
    let dead = format!("INSERT INTO replicas (id, seen_at) VALUES ('dead', {seen})");
    execute(&replicas.stores.message, &dead).await;
    wait_for("channel to know", Duration::from_secs(10), async || {
        number(&replicas.stores.channel, &seq).await == 1
    })
    .await;
    let dead = "SELECT COUNT(*) AS n FROM replicas WHERE id = 'dead'";
    wait_for("the dead to be forgotten", Duration::from_secs(5), async || replicas.count(dead).await == 0)
        .await;
    // One that ends in order says so itself.
    replicas.stop(1);
    let left = "SELECT COUNT(*) AS n FROM replicas";
    wait_for("the other to take its leave", Duration::from_secs(4), async || replicas.count(left).await == 1)
        .await;
    let request = GetChannelsRequest { nums: vec![channel], ..Default::default() };
    let request = world.service().request(request);
    assert_eq!(world.channel.clone().get_channels(request).await.unwrap().into_inner().channels.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_program_says_how_far_streams_have_come_as_well() {
    let world = World::on(None).await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    world.send(alice, channel, "x").await;
    assert!(head_of(&world.bus, channel, 1, Duration::from_secs(5)).await);
}
