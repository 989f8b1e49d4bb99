//! What replicas say of streams and channels beside their calls.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parlance_bus::{Bus as _, Item, MemoryBus, Message as BusMessage, Topic};
use parlance_core::Num;
use parlance_proto::channel::GetChannelsRequest;

use super::{Replicas, execute, number, wait_for};
use crate::world::World;

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
