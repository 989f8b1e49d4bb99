//! `Follow`: what a follower gets, and how many there may be.

use std::time::Duration;

use futures_util::StreamExt;
use parlance_bus::{Bus, Message as BusMessage, Topic};
use parlance_core::{Caller, Error, Num, Reason};
use parlance_message::Settings;
use parlance_proto::event::{Event, event::Payload};
use parlance_proto::message::*;
use parlance_rpc::Context;
use parlance_testkit::wait_until;
use sea_orm::{ConnectionTrait as _, Statement};
use tonic::Streaming;

use crate::streams::chat;
use crate::world::{Setup, World};

async fn follow(
    world: &World,
    context: Context,
    channel: Num,
    after_offset: u64,
) -> Result<Streaming<FollowResponse>, Error> {
    let request = FollowRequest { stream: chat(channel), after_offset, epoch: String::new() };
    let answer = world.message.clone().follow(context.request(request)).await;
    answer.map(tonic::Response::into_inner).map_err(Error::from)
}

async fn next(events: &mut Streaming<FollowResponse>) -> Result<Event, Reason> {
    let next = tokio::time::timeout(Duration::from_secs(5), events.next()).await.expect("in time");
    next.expect("it goes on").map(|one| one.event.unwrap()).map_err(|status| Error::from(status).reason)
}

#[tokio::test]
async fn a_follower_gets_what_was_and_what_comes_once_and_in_order() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    for n in 0..5 {
        world.send(alice, channel, &format!("{n}")).await;
    }
    let request = FollowRequest { stream: chat(channel), after_offset: 2, epoch: String::new() };
    let mut events =
        world.message.clone().follow(world.by(alice).request(request)).await.unwrap().into_inner();
    for n in 5..10 {
        world.send(alice, channel, &format!("{n}")).await;
    }
    for n in 2..10 {
        let event = tokio::time::timeout(Duration::from_secs(5), events.next()).await.expect("in time");
        let event = event.unwrap().unwrap().event.unwrap();
        assert_eq!(event.offset, n + 1);
        let Some(Payload::MessageCreated(created)) = event.payload else { panic!("{event:?}") };
        assert_eq!(created.message.unwrap().text, n.to_string());
    }
}

#[tokio::test]
async fn following_from_a_lost_position_says_so() {
    let world = World::new().await;
    let users = world.users(&["alice", "eve"]).await;
    let channel = world.channel("group", users[0], &[]).await;
    let request = FollowRequest { stream: chat(channel), after_offset: 1, epoch: "gone".into() };
    let refused = world.message.clone().follow(world.by(users[0]).request(request)).await;
    assert_eq!(refused.err().map(|status| Error::from(status).reason), Some(Reason::PositionLost));
    // A position past the newest entry is one of a log that is gone, as after restoring a backup.
    let request = FollowRequest { stream: chat(channel), after_offset: 1, epoch: String::new() };
    let mut events =
        world.message.clone().follow(world.by(users[0]).request(request)).await.unwrap().into_inner();
    let ended = tokio::time::timeout(Duration::from_secs(5), events.next()).await.expect("in time");
    assert_eq!(ended.unwrap().err().map(|status| Error::from(status).reason), Some(Reason::PositionLost));
    let request = FollowRequest { stream: chat(channel), ..Default::default() };
    let refused = world.message.clone().follow(world.by(users[1]).request(request)).await;
    assert_eq!(refused.err().map(|status| Error::from(status).reason), Some(Reason::NotAMember));
}

#[tokio::test]
async fn a_removed_follower_gets_nothing_that_came_after() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    let request = FollowRequest { stream: chat(channel), ..Default::default() };
    let mut events =
        world.message.clone().follow(world.by(users[1]).request(request)).await.unwrap().into_inner();
    world.send(users[0], channel, "with him").await;
    let first = events.next().await.unwrap().unwrap().event.unwrap();
    assert_eq!(first.offset, 1);
    world.remove(channel, users[0], users[1]).await;
    world.send(users[0], channel, "without him").await;
    let end = tokio::time::timeout(Duration::from_secs(5), events.next()).await.expect("in time").unwrap();
    assert_eq!(end.map_err(|status| Error::from(status).reason).err(), Some(Reason::NotAMember));
}

#[tokio::test]
async fn one_caller_has_his_share_of_followers_and_a_place_is_free_when_one_goes() {
    let settings = Settings { max_followers: 4, max_followers_per_caller: 2, ..Settings::default() };
    let world = World::as_set(Setup { settings, ..Setup::default() }).await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    let alice = || follow(&world, world.by(users[0]), channel, 0);
    let mut hers = vec![alice().await.unwrap(), alice().await.unwrap()];
    let refused = alice().await.unwrap_err();
    assert_eq!((refused.reason, refused.retry_after.is_some()), (Reason::RateLimited, true));
    // Refusals take no place.
    let unknown = follow(&world, world.by(users[1]), channel + 1, 0).await.unwrap_err();
    assert_eq!(unknown.reason, Reason::ChannelNotFound);

    let mut his = follow(&world, world.by(users[1]), channel, 0).await.unwrap();
    let _backend = follow(&world, Context::new(Caller::app(world.app)), channel, 0).await.unwrap();
    let full = follow(&world, world.by(users[1]), channel, 0).await.unwrap_err();
    assert_eq!((full.reason, full.retry_after.is_some()), (Reason::Overloaded, true));

    // One that goes …
    hers.pop();
    let again = wait_until("a place to be free", async || alice().await, |again| again.is_ok()).await;
    // … and one that is ended.
    drop(again);
    world.remove(channel, users[0], users[1]).await;
    while next(&mut his).await.is_ok() {}
    hers.extend(wait_until("his place to be free", async || alice().await, |again| again.is_ok()).await);
    // Those who stay get what comes.
    world.send(users[0], channel, "x").await;
    while !matches!(next(&mut hers[0]).await.unwrap().payload, Some(Payload::MessageCreated(_))) {}
}

#[tokio::test]
async fn what_other_streams_of_the_topic_do_leads_to_no_look_at_the_log() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let mut events = follow(&world, world.by(alice), channel, 0).await.unwrap();
    world.send(alice, channel, "first").await;
    assert_eq!(next(&mut events).await.unwrap().offset, 1);
    let before = world.message_store.statements();
    let rounds = 200;
    for offset in 1..=rounds {
        let other = Event { stream: chat(channel + 1), offset, ..Event::default() };
        let item = (Topic::chat(channel), BusMessage::Event(other.into()));
        world.bus.publish(vec![item]).await.unwrap();
        // Time for a look, which would be several questions.
        let store = world.message_store.read();
        let ask = Statement::from_string(store.get_database_backend(), "SELECT 1");
        store.query_one_raw(ask).await.unwrap();
    }
    let looks = world.message_store.statements() - before - rounds;
    assert!(looks < 30, "{looks} statements beside our own");
    world.send(alice, channel, "second").await;
    assert_eq!(next(&mut events).await.unwrap().offset, 2);
}
