//! The sweeper while channel or the bus of its replica does not work, and a restored database.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parlance_proto::message::SendMessageRequest;

use crate::replicas::heads::{head_of, heard};
use crate::replicas::{Replicas, execute, number, wait_for};
use crate::world::{reference, text_to};

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_said_while_channel_hangs_and_it_is_told_when_it_is_back() {
    let Some(mut replicas) = Replicas::start(0).await else { return };
    let faults = replicas.prepare_faults();
    faults.hanging_touches.store(true, Ordering::Relaxed);
    replicas.add(None).await;
    let world = &replicas.worlds[0];
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    execute(&replicas.stores.message, "INSERT INTO replicas (id, seen_at) VALUES ('dead', 0)").await;
    for _ in 0..3 {
        let started = Instant::now();
        world.send(alice, channel, "x").await;
        assert!(started.elapsed() < Duration::from_secs(4), "acknowledged all the same");
    }
    assert!(head_of(&replicas.buses[0], channel, 3, Duration::from_secs(3)).await);
    let told = format!("SELECT last_seq AS n FROM channels WHERE num = {channel}");
    let dead = "SELECT COUNT(*) AS n FROM replicas WHERE id = 'dead'";
    assert_eq!(number(&replicas.stores.channel, &told).await, 0);
    assert_eq!(number(&replicas.stores.message, dead).await, 1);
    faults.hanging_touches.store(false, Ordering::Relaxed);
    wait_for("channel to know", Duration::from_secs(10), async || {
        number(&replicas.stores.channel, &told).await == 3
    })
    .await;
    wait_for("the dead to be forgotten", Duration::from_secs(5), async || {
        number(&replicas.stores.message, dead).await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_cannot_say_heads_leaves_it_to_another_one() {
    let Some(mut replicas) = Replicas::start(0).await else { return };
    let faults = replicas.prepare_faults();
    replicas.add(None).await;
    let world = &replicas.worlds[0];
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    world.send(alice, channel, "x").await;
    assert!(head_of(&replicas.buses[0], channel, 1, Duration::from_secs(5)).await, "it leads");
    replicas.add(None).await;
    faults.deaf_bus.store(true, Ordering::Relaxed);
    replicas.worlds[0].send(alice, channel, "y").await;
    assert!(heard(&replicas.buses[1..], channel, 2, Duration::from_secs(15)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_consumed_after_the_position_has_moved_back() {
    let Some(replicas) = Replicas::start(2).await else { return };
    let users = replicas.worlds[0].users(&["alice", "bob"]).await;
    for _ in 0..3 {
        replicas.worlds[0].channel("group", users[0], &users[1..]).await;
    }
    let position = "SELECT position AS n FROM consumer_positions WHERE service = 'channel'";
    let before = number(&replicas.stores.message, position).await;
    execute(&replicas.stores.message, "UPDATE consumer_positions SET position = position - 2").await;
    for world in &replicas.worlds {
        let channel = world.channel("group", users[0], &users[1..]).await;
        world.send(users[1], channel, "x").await;
    }
    assert!(number(&replicas.stores.message, position).await >= before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_again_is_the_time_of_the_main_list_not_that_of_threads() {
    let Some(replicas) = Replicas::start(1).await else { return };
    let world = &replicas.worlds[0];
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let parent = world.send(alice, channel, "parent").await;
    let mut reply: SendMessageRequest = text_to(channel, "reply");
    reply.draft.as_mut().unwrap().parent = Some(reference(&parent));
    world.try_send(alice, reply).await.unwrap();
    let (store, column) =
        (&replicas.stores.channel, |name| format!("SELECT {name} AS n FROM channels WHERE num = {channel}"));
    let at = number(store, &column("last_message_at")).await;
    execute(store, &format!("UPDATE channels SET last_seq = 0, last_message_at = 0 WHERE num = {channel}"))
        .await;
    execute(&replicas.stores.message, "INSERT INTO replicas (id, seen_at) VALUES ('dead', 0)").await;
    wait_for("channel to know", Duration::from_secs(10), async || {
        number(store, &column("last_seq")).await == 2
    })
    .await;
    assert_eq!(number(store, &column("last_message_at")).await, at);
}
