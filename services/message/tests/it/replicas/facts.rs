//! What replicas make of the log of channel.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parlance_core::{Error, Reason};
use parlance_proto::auth::DeleteUsersRequest;
use parlance_proto::channel::CreateChannelRequest;
use parlance_proto::event::{event::Payload, stream::Kind};
use parlance_proto::message::*;

use super::{Replicas, consecutive, offsets};
use crate::world::{reference, text_to};

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
