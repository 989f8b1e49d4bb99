use parlance_core::{Error, Reason};
use parlance_proto::event::{event::Payload, stream::Kind};
use parlance_proto::message::*;

use crate::world::{World, reference, text_to};

#[tokio::test]
async fn only_its_author_edits_a_message_and_mentions_follow() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob", "carol"]).await;
    let channel = world.channel("group", users[0], &users[1..]).await;
    let sent = world.send(users[0], channel, "hello @bob").await;
    let edit = |text: &str| EditMessageRequest {
        channel_num: channel,
        message: Some(reference(&sent)),
        text: text.into(),
    };
    let mut client = world.message.clone();
    let error = client.edit_message(world.by(users[1]).request(edit("hi"))).await.unwrap_err();
    assert_eq!(Error::from(error).reason, Reason::NotTheAuthor);
    let edited = client.edit_message(world.by(users[0]).request(edit("hello @carol"))).await.unwrap();
    let edited = edited.into_inner().message.unwrap();
    assert_eq!((edited.text.as_str(), edited.mention_nums), ("hello @carol", vec![users[2]]));
    assert!(edited.edited_at.is_some());
    world.delete(users[0], &sent).await.unwrap();
    let error = client.edit_message(world.by(users[0]).request(edit("again"))).await.unwrap_err();
    assert_eq!(Error::from(error).reason, Reason::MessageNotFound);
}

#[tokio::test]
async fn a_deleted_message_leaves_a_tombstone_and_repeating_makes_no_event() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    let sent = world.send(users[0], channel, "oops").await;
    assert_eq!(world.delete(users[1], &sent).await.unwrap_err().reason, Reason::NotTheAuthor);
    assert!(world.delete(users[0], &sent).await.unwrap());
    let events = world.entries(Kind::Chat, channel).await.len();
    assert!(!world.delete(users[0], &sent).await.unwrap());
    assert_eq!(world.entries(Kind::Chat, channel).await.len(), events);
    assert!(world.list(users[1], channel).await.is_empty());
    let sync = ListMessagesRequest {
        channel_num: channel,
        cursor: Some(list_messages_request::Cursor::SinceSeq(0)),
        ..Default::default()
    };
    let synced = world.message.clone().list_messages(world.by(users[1]).request(sync)).await.unwrap();
    let tombstone = &synced.into_inner().messages[0];
    assert_eq!((tombstone.seq, tombstone.text.as_str()), (1, ""));
    assert!(tombstone.deleted_at.is_some());
}

#[tokio::test]
async fn react_unreact_react_is_three_events_and_repeats_are_none() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    let sent = world.send(users[0], channel, "like me").await;
    let mut client = world.message.clone();
    let add =
        AddReactionRequest { channel_num: channel, message: Some(reference(&sent)), r#type: "❤️".into() };
    let remove =
        RemoveReactionRequest {
            channel_num: channel, message: Some(reference(&sent)), r#type: "❤️".into()
        };
    let bob = world.by(users[1]);
    assert!(client.add_reaction(bob.request(add.clone())).await.unwrap().into_inner().added);
    assert!(!client.add_reaction(bob.request(add.clone())).await.unwrap().into_inner().added);
    assert!(client.remove_reaction(bob.request(remove.clone())).await.unwrap().into_inner().removed);
    assert!(!client.remove_reaction(bob.request(remove)).await.unwrap().into_inner().removed);
    assert!(client.add_reaction(bob.request(add)).await.unwrap().into_inner().added);
    let events = world.entries(Kind::Chat, channel).await;
    assert_eq!(events.len(), 4);
    let seen = &world.list(users[1], channel).await[0].reactions[0];
    assert_eq!((seen.count, seen.own, seen.user_nums.clone()), (1, true, vec![users[1]]));
    assert!(!world.list(users[0], channel).await[0].reactions[0].own);
}

#[tokio::test]
async fn a_message_takes_twenty_kinds_of_reactions() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let sent = world.send(alice, channel, "x").await;
    let react = async |kind: String| {
        let request =
            AddReactionRequest { channel_num: channel, message: Some(reference(&sent)), r#type: kind };
        world.message.clone().add_reaction(world.by(alice).request(request)).await.map_err(Error::from)
    };
    for n in 0..20 {
        react(format!(":{n}:")).await.unwrap();
    }
    assert_eq!(react("one more".into()).await.unwrap_err().reason, Reason::TooManyReactions);
    react(":0:".into()).await.unwrap();
}

#[tokio::test]
async fn at_most_twenty_five_pins_also_at_once() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let mut sent = Vec::new();
    for n in 0..30 {
        sent.push(world.send(alice, channel, &format!("{n}")).await);
    }
    let pins = sent.iter().map(|message| {
        let request = PinMessageRequest { channel_num: channel, message: Some(reference(message)) };
        let mut client = world.message.clone();
        let request = world.by(alice).request(request);
        async move { client.pin_message(request).await }
    });
    let answers = futures_util::future::join_all(pins).await;
    let refused = answers.iter().filter(|answer| answer.is_err()).count();
    assert_eq!(refused, 5);
    let request = ListPinsRequest { channel_num: channel };
    let pinned =
        world.message.clone().list_pins(world.by(alice).request(request)).await.unwrap().into_inner();
    assert_eq!(pinned.messages.len(), 25);
    assert!(pinned.messages.iter().all(|message| message.pin.is_some()));

    // Deleting a pinned message makes room.
    world.delete(alice, &pinned.messages[0]).await.unwrap();
    let request = ListPinsRequest { channel_num: channel };
    let left = world.message.clone().list_pins(world.by(alice).request(request)).await.unwrap().into_inner();
    assert_eq!(left.messages.len(), 24);
}

#[tokio::test]
async fn deleting_a_reply_lowers_the_parents_count() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let parent = world.send(alice, channel, "parent").await;
    let mut request = text_to(channel, "reply");
    request.draft.as_mut().unwrap().parent = Some(reference(&parent));
    let reply = world.try_send(alice, request).await.unwrap().message.unwrap();
    world.delete(alice, &reply).await.unwrap();
    assert_eq!(world.list(alice, channel).await[0].reply_count, 0);
    let events = world.entries(Kind::Chat, channel).await;
    assert!(
        matches!(&events.last().unwrap().payload, Some(Payload::MessageUpdated(u)) if u.message_num == parent.num)
    );
}

pub async fn participants_of_a_thread(world: &World, users: &[i64], channel: i64) {
    let parent = world.send(users[0], channel, "parent").await;
    let ask = async |by: i64| {
        let request =
            ListThreadParticipantsRequest { channel_num: channel, parent: Some(reference(&parent)) };
        let asked = world.message.clone().list_thread_participants(world.by(by).request(request)).await;
        let answer = asked.map_err(|status| Error::from(status).reason)?.into_inner();
        let list = answer.participants.into_iter();
        Ok(list.map(|one| (one.user_num, one.reply_count)).collect::<Vec<_>>())
    };
    assert_eq!(ask(users[0]).await, Ok(Vec::new()));
    let mut replies = Vec::new();
    for author in [2, 1, 2, 0, 1, 2] {
        let mut request = text_to(channel, "reply");
        request.draft.as_mut().unwrap().parent = Some(reference(&parent));
        replies.push(world.try_send(users[author], request).await.unwrap().message.unwrap());
    }
    assert_eq!(ask(users[1]).await, Ok(vec![(users[2], 3), (users[1], 2), (users[0], 1)]));
    world.delete(users[2], &replies[0]).await.unwrap();
    world.delete(users[0], &replies[3]).await.unwrap();
    assert_eq!(ask(users[1]).await, Ok(vec![(users[1], 2), (users[2], 2)]), "of live replies alone");
    assert_eq!(ask(users[3]).await, Err(Reason::NotAMember));
}

#[tokio::test]
async fn those_who_replied_are_told_in_the_order_of_their_first_reply() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob", "carol", "dave"]).await;
    let channel = world.channel("group", users[0], &users[1..3]).await;
    participants_of_a_thread(&world, &users, channel).await;
}
