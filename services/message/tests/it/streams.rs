use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parlance_bus::{Bus, Item, Message as BusMessage, Subscription, Topic};
use parlance_proto::channel::{
    AddWorkspaceMembersRequest, CreateWorkspaceRequest, DeleteChannelRequest, DeleteWorkspaceRequest,
    UpdateWorkspaceRequest,
};
use parlance_proto::event::{Event, Stream, event::Payload, stream::Kind};
use parlance_proto::message::*;

use crate::broken::Faults;
use crate::world::{Setup, World};

pub fn chat(num: i64) -> Option<Stream> {
    Some(Stream { kind: Kind::Chat.into(), num })
}

#[tokio::test]
async fn founding_members_get_the_creation_in_their_own_streams() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    for user in users {
        let events = world.entries_at_least(Kind::User, user, 1).await;
        assert!(matches!(&events[0].payload, Some(Payload::ChannelCreated(created))
            if created.channel_num == channel && created.channel.is_some()));
    }
}

#[tokio::test]
async fn nothing_follows_a_removal_in_the_order_of_the_stream() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    world.send(users[1], channel, "mine").await;
    world.remove(channel, users[0], users[1]).await;
    world.send(users[0], channel, "without him").await;
    let events = world.entries(Kind::Chat, channel).await;
    assert!(matches!(
        &events[..],
        [a, b, c] if matches!(a.payload, Some(Payload::MessageCreated(_)))
            && matches!(&b.payload, Some(Payload::MemberLeft(left)) if left.user_num == users[1] && left.removed)
            && matches!(c.payload, Some(Payload::MessageCreated(_)))
    ));
    assert!(events[1].policy_version > events[0].policy_version);
}

#[tokio::test]
async fn a_foreign_epoch_and_an_unknown_stream_give_positions_without_entries() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    world.send(alice, channel, "x").await;
    let position = |stream, epoch: &str| StreamPosition { stream, offset: 0, epoch: epoch.into() };
    let request = ReadStreamsRequest {
        positions: vec![
            position(chat(channel), "other"),
            position(Some(Stream { kind: Kind::User.into(), num: 12345 }), "_"),
        ],
        limit: 10,
    };
    let answer =
        world.message.clone().read_streams(world.service().request(request)).await.unwrap().into_inner();
    assert_eq!((answer.results[0].top_offset, answer.results[0].events.len()), (1, 0));
    assert_eq!((answer.results[1].top_offset, answer.results[1].events.len()), (0, 0));
    assert_eq!(answer.results[0].epoch, answer.results[1].epoch);
}

#[tokio::test]
async fn live_events_come_in_order_with_the_whole_message() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let mut live = world.bus.subscribe().await.unwrap();
    live.topics().listen(Topic::chat(channel)).await.unwrap();
    let sends = (0..100).map(|n| {
        let world = &world;
        async move { world.send(alice, channel, &format!("{n}")).await }
    });
    futures_util::future::join_all(sends).await;
    for offset in 1..=100 {
        let event = next_event(live.as_mut()).await;
        assert_eq!(event.offset, offset);
        let Some(Payload::MessageCreated(created)) = &event.payload else { panic!("{event:?}") };
        assert_eq!(created.message.as_ref().unwrap().seq, offset);
    }
}

#[tokio::test]
async fn what_was_told_of_a_channel_can_still_be_told_after_its_end() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    let request = DeleteChannelRequest { channel_num: channel };
    let deleted = world.channel.clone().delete_channel(world.by(users[0]).request(request)).await.unwrap();
    world.settle(deleted.into_inner().log_position).await;
    let events = world.entries(Kind::User, users[1]).await;
    assert!(matches!(
        &events[..],
        [a, b] if matches!(&a.payload, Some(Payload::ChannelCreated(c)) if c.channel.is_some())
            && matches!(b.payload, Some(Payload::ChannelDeleted(_)))
    ));
}

#[tokio::test]
async fn a_burst_waits_for_a_slow_bus_and_arrives_live_and_in_order() {
    let faults = Faults::default();
    faults.slow_bus.store(200, Ordering::Relaxed);
    let world = World::as_set(Setup { faults, ..Setup::default() }).await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let mut live = world.bus.subscribe().await.unwrap();
    live.topics().listen(Topic::chat(channel)).await.unwrap();
    world.send(alice, channel, "permission is remembered from now on").await;
    let sends = (1..5_000).map(|n| {
        let world = &world;
        async move { world.send(alice, channel, &format!("{n}")).await }
    });
    futures_util::future::join_all(sends).await;
    for offset in 1..=5_000 {
        assert_eq!(next_event(live.as_mut()).await.offset, offset);
    }
}

/// The next event that is live. Heads are said beside.
async fn next_event(live: &mut dyn Subscription) -> Arc<Event> {
    let event = async {
        loop {
            match live.recv().await {
                Some(Item::Message(_, BusMessage::Event(event))) => return event,
                Some(Item::Message(_, BusMessage::Heads(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), event).await.expect("in time")
}

#[tokio::test]
async fn facts_of_a_workspace_stand_in_the_streams_of_its_members() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob", "eve"]).await;
    let by = world.by(users[0]);
    let mut channel = world.channel.clone();
    let request = CreateWorkspaceRequest { name: "W".into(), ..Default::default() };
    let made = channel.create_workspace(by.request(request)).await.unwrap().into_inner();
    let workspace_num = made.workspace.unwrap().num;
    let request =
        AddWorkspaceMembersRequest { workspace_num, user_nums: vec![users[1]], ..Default::default() };
    channel.add_workspace_members(by.request(request)).await.unwrap();
    let request = UpdateWorkspaceRequest { workspace_num, name: Some("X".into()), ..Default::default() };
    channel.update_workspace(by.request(request)).await.unwrap();
    let gone = channel.delete_workspace(by.request(DeleteWorkspaceRequest { workspace_num })).await.unwrap();
    world.settle(gone.into_inner().log_position).await;
    let kinds = async |user| {
        let names = world.entries(Kind::User, user).await.into_iter().map(|event| match event.payload {
            Some(Payload::WorkspaceCreated(_)) => "created",
            Some(Payload::WorkspaceMemberJoined(joined)) if joined.user_num == users[1] => "joined",
            Some(Payload::WorkspaceUpdated(updated))
                if updated.workspace.as_ref().is_some_and(|one| one.name == "X") =>
            {
                "updated"
            }
            Some(Payload::WorkspaceDeleted(_)) => "deleted",
            _ => "something else",
        });
        names.collect::<Vec<_>>()
    };
    assert_eq!(kinds(users[0]).await, ["created", "joined", "updated", "deleted"]);
    assert_eq!(kinds(users[1]).await, ["joined", "updated", "deleted"]);
    assert_eq!(kinds(users[2]).await, [] as [&str; 0]);
}
