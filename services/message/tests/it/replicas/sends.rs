//! Changes of one channel through several replicas at once.

use futures_util::future::join_all;
use parlance_core::{Error, Num, Reason};
use parlance_proto::event::stream::Kind;
use parlance_proto::message::*;
use uuid::Uuid;

use super::{Replicas, consecutive, offsets};
use crate::world::{reference, text_to};

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
