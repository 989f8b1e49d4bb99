use parlance_core::Reason;
use parlance_proto::event::{event::Payload, stream::Kind};
use parlance_proto::message::*;

use crate::world::{World, reference, text_to};

#[tokio::test]
async fn messages_get_consecutive_seqs_in_the_order_of_their_acknowledgement() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    let mut last: Option<Message> = None;
    for n in 0..20 {
        let sent = world.send(users[n % 2], channel, &format!("message {n}")).await;
        assert_eq!(sent.seq, n as u64 + 1);
        if let Some(last) = last {
            assert!(sent.num > last.num);
            let order = |m: &Message| m.created_at.map(|at| (at.seconds, at.nanos));
            assert!(order(&sent) > order(&last));
        }
        last = Some(sent);
    }
    let texts: Vec<String> = world.list(users[0], channel).await.into_iter().map(|m| m.text).collect();
    assert_eq!(texts, (0..20).map(|n| format!("message {n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn concurrent_sends_to_many_channels_leave_no_hole_and_no_double() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let mut channels = Vec::new();
    for _ in 0..3 {
        channels.push(world.channel("group", alice, &[]).await);
    }
    let sends = (0..300).map(|n| {
        let (world, channel) = (&world, channels[n % 3]);
        async move { (channel, world.send(alice, channel, &format!("{n}")).await.seq) }
    });
    let mut got = futures_util::future::join_all(sends).await;
    got.sort_unstable();
    for channel in channels {
        let seqs: Vec<u64> = got.iter().filter(|(of, _)| *of == channel).map(|(_, seq)| *seq).collect();
        assert_eq!(seqs, (1..=100).collect::<Vec<_>>());
        let offsets: Vec<u64> =
            world.entries(Kind::Chat, channel).await.iter().map(|event| event.offset).collect();
        assert_eq!(offsets, (1..=offsets.len() as u64).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn retry_with_the_same_client_id_returns_the_first_message() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let request = SendMessageRequest { client_message_id: "my id".into(), ..text_to(channel, "once") };
    let first = world.try_send(alice, request.clone()).await.unwrap();
    let again = world.try_send(alice, request.clone()).await.unwrap();
    assert!(!first.repeated && again.repeated);
    assert_eq!(first.message, again.message);
    assert_eq!(world.list(alice, channel).await.len(), 1);

    let strict = SendMessageRequest { on_repeat: send_message_request::OnRepeat::Fail.into(), ..request };
    assert_eq!(world.try_send(alice, strict).await.unwrap_err().reason, Reason::AlreadyExists);
}

#[tokio::test]
async fn the_same_client_id_at_once_from_twenty_sides_makes_one_message() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    let id = uuid::Uuid::new_v4().to_string();
    let request = SendMessageRequest { client_message_id: id.clone(), ..text_to(channel, "once") };
    let sends = (0..20).map(|_| world.try_send(users[0], request.clone()));
    let answers: Vec<_> =
        futures_util::future::join_all(sends).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1);
    for answer in &answers {
        let message = answer.message.as_ref().unwrap();
        assert_eq!((message.id.as_str(), message.text.as_str()), (id.as_str(), "once"));
    }
    // The same id of another author is another message, under an id of its own.
    let other = world.try_send(users[1], request).await.unwrap();
    assert!(!other.repeated);
    assert_ne!(other.message.unwrap().id, id);
}

#[tokio::test]
async fn an_idempotency_key_is_honoured_and_without_one_a_retry_is_a_new_message() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let keyed = SendMessageRequest { idempotency_key: "k".into(), ..text_to(channel, "x") };
    let first = world.try_send(alice, keyed.clone()).await.unwrap().message.unwrap();
    let again = world.try_send(alice, keyed).await.unwrap();
    assert_eq!((again.repeated, again.message.unwrap().num), (true, first.num));
    world.send(alice, channel, "y").await;
    world.send(alice, channel, "y").await;
    assert_eq!(world.list(alice, channel).await.len(), 3);
}

#[tokio::test]
async fn a_client_uuid_becomes_the_message_id_and_is_found_by_it() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let id = uuid::Uuid::new_v4().to_string();
    let request = SendMessageRequest { client_message_id: id.clone(), ..text_to(channel, "x") };
    let sent = world.try_send(alice, request).await.unwrap().message.unwrap();
    assert_eq!(sent.id, id);
    let request = GetMessagesRequest { messages: vec![reference(&sent)], channel_num: channel };
    let found = world.message.clone().get_messages(world.by(alice).request(request)).await.unwrap();
    assert_eq!(found.into_inner().messages, vec![sent]);
}

#[tokio::test]
async fn a_thread_reply_takes_a_seq_stays_out_of_the_main_list_and_updates_its_parent() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    let parent = world.send(users[0], channel, "parent").await;
    let mut request = text_to(channel, "reply");
    request.draft.as_mut().unwrap().parent = Some(reference(&parent));
    request.draft.as_mut().unwrap().thread_only = true;
    let reply = world.try_send(users[1], request.clone()).await.unwrap().message.unwrap();
    assert_eq!((reply.seq, reply.in_main, reply.counted), (2, false, false));

    let main = world.list(users[0], channel).await;
    assert_eq!(main.iter().map(|m| (m.num, m.reply_count)).collect::<Vec<_>>(), vec![(parent.num, 1)]);
    assert_eq!(world.unread(users[0], channel).await, 0);
    let events = world.entries(Kind::Chat, channel).await;
    let kinds: Vec<_> = events.iter().map(|event| event.payload.clone().unwrap()).collect();
    assert!(matches!(
        &kinds[..],
        [Payload::MessageCreated(_), Payload::ThreadReplied(r), Payload::MessageUpdated(u)]
            if r.parent_num == parent.num && u.message.as_ref().unwrap().reply_count == 1
    ));

    // A reply to a reply, to another channel's message and to nothing at all.
    let elsewhere = world.channel("group", users[0], &[]).await;
    let other = world.send(users[0], elsewhere, "elsewhere").await;
    for wrong in [&reply, &other] {
        request.draft.as_mut().unwrap().parent = Some(reference(wrong));
        let error = world.try_send(users[1], request.clone()).await.unwrap_err();
        assert_eq!(error.reason, Reason::ParentNotFound);
    }
}

#[tokio::test]
async fn mentions_are_members_named_by_id_or_name_and_never_oneself() {
    let world = World::new().await;
    let users = world.users(&["alice", "user-2", "carol", "stranger"]).await;
    let channel = world.channel("group", users[0], &[users[1], users[2]]).await;
    let sent = world.send(users[0], channel, "Hi @user-2, @CAROL. @alice @stranger `@user-2`").await;
    assert_eq!(sent.mention_nums, vec![users[1], users[2]]);
    let mut request = text_to(channel, "no names");
    request.draft.as_mut().unwrap().mention_ids = vec!["carol".into(), "stranger".into()];
    let sent = world.try_send(users[0], request).await.unwrap().message.unwrap();
    assert_eq!(sent.mention_nums, vec![users[2]]);
}

#[tokio::test]
async fn the_first_message_to_a_public_channel_joins_it_before_it_is_seen() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("public", users[0], &[]).await;
    world.send(users[0], channel, "before").await;
    let request = SendMessageRequest { join: true, ..text_to(channel, "hello") };
    world.try_send(users[1], request).await.unwrap();
    let events = world.entries(Kind::Chat, channel).await;
    assert!(matches!(
        &events[..],
        [a, b, c] if matches!(a.payload, Some(Payload::MessageCreated(_)))
            && matches!(&b.payload, Some(Payload::MemberJoined(j)) if j.user_num == users[1])
            && matches!(c.payload, Some(Payload::MessageCreated(_)))
    ));
    assert_eq!(world.unread(users[1], channel).await, 0, "what was there before is not unread");
}
