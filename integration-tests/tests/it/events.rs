//! chatsdk.md §6.2: every event, at a subscriber.

use crate::prelude::*;

/// Alice writes, Bob listens on his own channel and on the group's.
struct Scene {
    server: Harness,
    alice: User,
    bob: User,
    group: String,
    chat: String,
    listener: Realtime,
}

async fn scene() -> Scene {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let listener = Realtime::follow(&server, &bob, &[&group]).await;
    Scene { chat: bob.chat(&group), server, alice, bob, group, listener }
}

#[tokio::test]
async fn message_new_carries_the_full_message_to_everybody_and_to_the_sender() {
    let s = scene().await;
    let own = Realtime::follow(&s.server, &s.alice, &[&s.group]).await;
    let sent = s.alice.send(&s.group, "hello @bob").await;
    for listener in [&s.listener, &own] {
        let event = listener.event(&s.chat, "message.new").await;
        assert_eq!(event["channelId"], s.group);
        assert_eq!(event["message"], sent);
    }
    let state = s.listener.state();
    let publication = &state.on(&s.chat)[0];
    assert!(publication.offset > 0, "persistent events have an offset");
    let data = publication.json();
    assert_eq!(data.as_object().unwrap().keys().collect::<Vec<_>>(), ["payload", "type"]);
}

#[tokio::test]
async fn message_updated_carries_the_full_message() {
    let s = scene().await;
    let message = id(&s.alice.send(&s.group, "before").await);
    let edited = s.alice.patch(&msg(&s.group, &message), &json!({"text": "after"})).await.ok();
    let event = s.listener.event(&s.chat, "message.updated").await;
    assert_eq!((&event["channelId"], &event["message"]), (&json!(s.group), &edited));
    s.alice.post_empty(&format!("{}/pin", msg(&s.group, &message))).await.ok();
    let pinned = |event: &Value| event["message"]["pinned"] == true;
    let event = s.listener.event_where(&s.chat, "message.updated", pinned).await;
    has(&event["message"], crate::messages::FIELDS);
    s.alice.delete(&format!("{}/pin", msg(&s.group, &message))).await.ok();
    s.listener
        .wait_until("unpinning is told", |state| {
            (state.events(&s.chat, "message.updated").len() == 3).then_some(())
        })
        .await;
}

#[tokio::test]
async fn message_deleted_names_the_message() {
    let s = scene().await;
    let message = s.alice.send(&s.group, "gone").await;
    for _ in 0..2 {
        s.alice.delete(&msg(&s.group, &id(&message))).await.ok();
    }
    s.alice.send(&s.group, "end").await;
    let event = s.listener.event(&s.chat, "message.deleted").await;
    assert_eq!((&event["channelId"], &event["messageId"]), (&json!(s.group), &message["id"]));
    assert_eq!((&event["seq"], &event["parentId"]), (&message["seq"], &Value::Null));
    s.listener.event_where(&s.chat, "message.new", |event| event["message"]["text"] == "end").await;
    assert_eq!(s.listener.state().events(&s.chat, "message.deleted").len(), 1, "a repeat is silent");
}

#[tokio::test]
async fn reactions_are_told_with_their_user() {
    let s = scene().await;
    let message = id(&s.alice.send(&s.group, "react").await);
    let path = format!("{}/reactions", msg(&s.group, &message));
    s.alice.post(&path, &json!({"emoji": "👍"})).await.ok();
    s.alice.delete(&format!("{path}/👍")).await.ok();
    for kind in ["reaction.added", "reaction.removed"] {
        let event = s.listener.event(&s.chat, kind).await;
        assert_eq!((&event["channelId"], &event["messageId"]), (&json!(s.group), &json!(message)), "{kind}");
        let reaction = &event["reaction"];
        assert_eq!((&reaction["type"], &reaction["emoji"]), (&json!("👍"), &json!("👍")));
        assert_eq!((&reaction["userId"], &reaction["user_id"]), (&json!("alice"), &json!("alice")));
        assert_eq!(reaction["user"]["id"], "alice");
        has(&reaction["user"], &["id", "name", "image"]);
    }
}

#[tokio::test]
async fn joining_and_leaving_are_told_in_the_channel_and_to_the_member() {
    let s = scene().await;
    let carol = s.server.user("carol").await;
    let own = Realtime::follow(&s.server, &carol, &[]).await;
    s.alice.post(&format!("{}/members", ch(&s.group)), &json!({"userId": "carol"})).await.ok();
    let expected = json!({"channelId": s.group, "userId": "carol"});
    let fits =
        |event: &Value| expected.as_object().unwrap().iter().all(|(name, value)| event[name] == *value);
    s.listener.event_where(&s.chat, "channel.member_joined", fits).await;
    own.event_where(&carol.stream(), "channel.member_joined", fits).await;
    s.alice.delete(&format!("{}/members/carol", ch(&s.group))).await.ok();
    s.listener.event_where(&s.chat, "channel.member_left", fits).await;
    own.event_where(&carol.stream(), "channel.member_left", fits).await;
}

#[tokio::test]
async fn joining_by_the_first_message_is_told_before_the_message() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let open = alice.channel("public", "open", &[]).await;
    let listener = Realtime::follow(&server, &alice, &[&open]).await;
    bob.send(&open, "hello").await;
    let chat = alice.chat(&open);
    listener.event(&chat, "message.new").await;
    assert_eq!(listener.state().kinds(&chat), ["channel.member_joined", "message.new"]);
}

#[tokio::test]
async fn reading_is_told_to_the_channel_and_the_counts_to_the_reader() {
    let s = scene().await;
    s.alice.send(&s.group, "1").await;
    let second = s.alice.send(&s.group, "2").await;
    s.alice.send(&s.group, "3").await;
    let up_to = json!({"messageId": id(&second)});
    s.bob.post(&format!("{}/read", ch(&s.group)), &up_to).await.ok();
    let event = s.listener.event(&s.chat, "read.updated").await;
    assert_eq!(
        (&event["channelId"], &event["userId"], &event["lastReadSeq"]),
        (&json!(s.group), &json!("bob"), &second["seq"])
    );
    let stream = s.bob.stream();
    let one = json!({"channelId": s.group, "count": 1});
    s.listener.event_where(&stream, "channel.unread_changed", |event| *event == one).await;
    let total = |event: &Value| *event == json!({"count": 1});
    s.listener.event_where(&stream, "channel.total_unread_changed", total).await;
    s.bob.post_empty(&format!("{}/read", ch(&s.group))).await.ok();
    let none = json!({"channelId": s.group, "count": 0});
    s.listener.event_where(&stream, "channel.unread_changed", |event| *event == none).await;
    let total = |event: &Value| *event == json!({"count": 0});
    s.listener.event_where(&stream, "channel.total_unread_changed", total).await;
}

#[tokio::test]
async fn receipts_are_told_with_reader_and_message() {
    let s = scene().await;
    let own = Realtime::follow(&s.server, &s.alice, &[&s.group]).await;
    let message = s.alice.send(&s.group, "1").await;
    s.bob.post(&format!("{}/receipts", ch(&s.group)), &json!({"messageId": id(&message)})).await.ok();
    let event = own.event(&s.chat, "read_receipt").await;
    has(&event, &["channelId", "userId", "userName", "userImage", "messageId", "readAt"]);
    assert_eq!((&event["userId"], &event["messageId"]), (&json!("bob"), &message["id"]));
    assert_eq!((&event["userName"], &event["userImage"]), (&json!("bob"), &Value::Null));
    own.event(&s.chat, "read.updated").await;
    let none = json!({"channelId": s.group, "count": 0});
    s.listener.event_where(&s.bob.stream(), "channel.unread_changed", |event| *event == none).await;
}

#[tokio::test]
async fn a_channel_may_keep_reading_to_itself() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let body = json!({"type": "group", "memberIds": ["bob"], "config": {"readEvents": false}});
    let group = id(&alice.post("/api/channels", &body).await.created());
    let listener = Realtime::follow(&server, &alice, &[&group]).await;
    let message = id(&alice.send(&group, "1").await);
    bob.post(&format!("{}/receipts", ch(&group)), &json!({"messageId": message})).await.ok();
    alice.send(&group, "end").await;
    let chat = alice.chat(&group);
    listener.event_where(&chat, "message.new", |event| event["message"]["text"] == "end").await;
    let kinds = listener.state().kinds(&chat);
    assert!(!kinds.iter().any(|kind| kind.starts_with("read")), "{kinds:?}");
    assert_eq!(bob.unread(&group).await, 1);
}

#[tokio::test]
async fn in_a_large_channel_reading_is_told_to_the_reader_alone() {
    let options = Options::new().with("realtime.state_events_max_members", 1);
    let server = Harness::start_with(options).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let (others, own) = (
        Realtime::follow(&server, &alice, &[&group]).await,
        Realtime::follow(&server, &bob, &[&group]).await,
    );
    let message = id(&alice.send(&group, "1").await);
    bob.post(&format!("{}/receipts", ch(&group)), &json!({"messageId": message})).await.ok();
    let none = json!({"channelId": group, "count": 0});
    own.event_where(&bob.stream(), "channel.unread_changed", |event| *event == none).await;
    alice.send(&group, "end").await;
    let chat = alice.chat(&group);
    others.event_where(&chat, "message.new", |event| event["message"]["text"] == "end").await;
    assert_eq!(others.state().kinds(&chat), ["message.new", "message.new"]);
    assert!(others.state().events(&alice.stream(), "presence.online").is_empty());
    // Asked for, it is told all the same.
    let path = format!("{}/receipts/messages/{message}/receipts", ch(&group));
    assert_eq!(alice.get(&path).await.ok()["readCount"], 1);
}

#[tokio::test]
async fn messages_of_others_change_the_unread_counts_exactly() {
    let s = scene().await;
    let other = s.alice.group("h", &[&s.bob]).await;
    for _ in 0..3 {
        s.alice.send(&s.group, "x").await;
    }
    s.alice.send(&other, "y").await;
    let stream = s.bob.stream();
    let three = json!({"channelId": s.group, "count": 3});
    s.listener.event_where(&stream, "channel.unread_changed", |event| *event == three).await;
    let total = |event: &Value| *event == json!({"count": 4});
    s.listener.event_where(&stream, "channel.total_unread_changed", total).await;
    assert!(
        s.listener
            .state()
            .on(&stream)
            .iter()
            .filter(|one| one.kind().contains("unread"))
            .all(|one| one.offset == 0),
        "counts caused by others have no offset"
    );
}

#[tokio::test]
async fn current_counts_are_pushed_after_subscribing() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    alice.send(&group, "1").await;
    alice.send(&group, "2").await;
    let listener = Realtime::follow(&server, &bob, &[]).await;
    let two = json!({"channelId": group, "count": 2});
    listener.event_where(&bob.stream(), "channel.unread_changed", |event| *event == two).await;
    let total = |event: &Value| *event == json!({"count": 2});
    listener.event_where(&bob.stream(), "channel.total_unread_changed", total).await;
}

#[tokio::test]
async fn deleting_a_message_is_told_in_the_counts() {
    let s = scene().await;
    let message = id(&s.alice.send(&s.group, "1").await);
    let one = json!({"channelId": s.group, "count": 1});
    s.listener.event_where(&s.bob.stream(), "channel.unread_changed", |event| *event == one).await;
    s.alice.delete(&msg(&s.group, &message)).await.ok();
    let none = json!({"channelId": s.group, "count": 0});
    s.listener.event_where(&s.bob.stream(), "channel.unread_changed", |event| *event == none).await;
}

/// Alice's calls have made her online; she says that she goes, and Bob hears it.
async fn alice_leaves(s: &Scene) {
    s.alice.post_empty("/api/presence/offline").await.ok();
    s.listener.event_where(&s.bob.stream(), "presence.offline", |event| event["userId"] == "alice").await;
}

#[tokio::test]
async fn presence_is_told_to_companions() {
    let s = scene().await;
    let stranger = s.server.user("stranger").await;
    let aside = Realtime::follow(&s.server, &stranger, &[]).await;
    let stream = s.bob.stream();
    let alices = |event: &Value| event["userId"] == "alice";
    alice_leaves(&s).await;
    let connection = Realtime::follow(&s.server, &s.alice, &[]).await;
    let event = s.listener.event_where(&stream, "presence.online", alices).await;
    has(&event, &["userId", "lastSeen"]);
    connection.cut().await;
    eventually("her disconnect is told", || async {
        let left = s.listener.state().events(&stream, "presence.offline");
        if left.iter().filter(|event| alices(event)).count() == 2 { Ok(()) } else { Err(left.len()) }
    })
    .await;
    let state = s.listener.state();
    assert!(
        state.on(&stream).iter().filter(|one| one.kind().starts_with("presence")).all(|one| one.offset == 0)
    );
    assert!(aside.state().events(&stranger.stream(), "presence.online").is_empty());
}

#[tokio::test]
async fn a_quick_reconnect_announces_nothing() {
    let s = scene().await;
    let alices = |event: &Value| event["userId"] == "alice";
    alice_leaves(&s).await;
    for _ in 0..3 {
        Realtime::follow(&s.server, &s.alice, &[]).await.cut().await;
    }
    let _stays = Realtime::follow(&s.server, &s.alice, &[]).await;
    s.listener.event_where(&s.bob.stream(), "presence.online", alices).await;
    // The message is a marker: what was announced before it has arrived before it.
    s.alice.send(&s.group, "marker").await;
    s.listener.event(&s.chat, "message.new").await;
    let state = s.listener.state();
    let left = state.events(&s.bob.stream(), "presence.offline");
    assert_eq!(left.iter().filter(|event| alices(event)).count(), 1, "but for her own word before");
}

#[tokio::test]
async fn creating_updating_and_deleting_a_channel_are_told() {
    let s = scene().await;
    let body = json!({"type": "group", "name": "new", "memberIds": ["bob"]});
    let created = id(&s.alice.post("/api/channels", &body).await.created());
    let fits = |event: &Value| event["channel"]["id"] == created.as_str();
    let event = s.listener.event_where(&s.bob.stream(), "channel.created", fits).await;
    assert_eq!((&event["channel"]["name"], &event["channel"]["type"]), (&json!("new"), &json!("group")));

    s.alice.patch(&ch(&s.group), &json!({"name": "renamed"})).await.ok();
    let event = s.listener.event(&s.chat, "channel.updated").await;
    assert_eq!((&event["channel"]["id"], &event["channel"]["name"]), (&json!(s.group), &json!("renamed")));

    s.alice.delete(&ch(&s.group)).await.ok();
    let event = s.listener.event(&s.bob.stream(), "channel.deleted").await;
    assert_eq!(event["channelId"], s.group);
    let persistent = ["channel.created", "channel.deleted"];
    let state = s.listener.state();
    let directed =
        state.on(&s.bob.stream()).into_iter().filter(|one| persistent.contains(&one.kind().as_str()));
    assert!(directed.map(|one| one.offset).is_sorted_by(|a, b| a < b));
}

#[tokio::test]
async fn a_discoverable_channel_is_announced_to_everybody_of_the_app() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let listener = Realtime::follow(&server, &bob, &[]).await;
    let open = alice.channel("public", "open", &[]).await;
    let fits = |event: &Value| event["channel"]["id"] == open.as_str();
    listener.event_where(&bob.stream(), "channel.created", fits).await;
    alice.delete(&ch(&open)).await.ok();
    let fits = |event: &Value| event["channelId"] == open.as_str();
    listener.event_where(&bob.stream(), "channel.deleted", fits).await;
}

#[tokio::test]
async fn a_direct_channel_is_named_after_the_other_in_the_own_stream() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let listener = Realtime::follow(&server, &bob, &[]).await;
    alice.direct(&bob).await;
    let event = listener.event(&bob.stream(), "channel.created").await;
    assert_eq!(event["channel"]["name"], "alice");
}

#[tokio::test]
async fn thread_replies_are_told_with_the_parent_s_new_count() {
    let s = scene().await;
    let parent = id(&s.alice.send(&s.group, "parent").await);
    let reply =
        s.alice.post(&format!("{}/thread", msg(&s.group, &parent)), &json!({"text": "one"})).await.created();
    let event = s.listener.event(&s.chat, "thread.reply").await;
    assert_eq!((&event["channelId"], &event["parentId"]), (&json!(s.group), &json!(parent)));
    assert_eq!(event["message"]["id"], reply["id"]);
    let counted =
        |event: &Value| event["message"]["id"] == parent.as_str() && event["message"]["replyCount"] == 1;
    s.listener.event_where(&s.chat, "message.updated", counted).await;
    // Through POST messages the reply is announced as a message as well.
    let body = json!({"text": "two", "parentId": parent});
    let second = s.alice.send_body(&s.group, &body).await.created();
    let fits = |event: &Value| event["message"]["id"] == second["id"];
    s.listener.event_where(&s.chat, "message.new", fits).await;
    s.listener.event_where(&s.chat, "thread.reply", fits).await;
    let news = s.listener.state().events(&s.chat, "message.new");
    assert!(!news.iter().any(|event| event["message"]["id"] == reply["id"]));
}

#[tokio::test]
async fn events_of_a_channel_arrive_in_commit_order_with_consecutive_offsets() {
    let s = scene().await;
    let sends = (0..200).map(|number| {
        let (user, group) = (if number % 2 == 0 { &s.alice } else { &s.bob }, &s.group);
        async move { user.send(group, &number.to_string()).await }
    });
    futures_util::future::join_all(sends).await;
    s.listener
        .wait_until("all messages arrive", |state| {
            (state.events(&s.chat, "message.new").len() == 200).then_some(())
        })
        .await;
    let state = s.listener.state();
    let seqs: Vec<u64> =
        state.events(&s.chat, "message.new").iter().map(|event| seq(&event["message"])).collect();
    assert_eq!(seqs, (1..=200).collect::<Vec<u64>>());
    let offsets: Vec<u64> =
        state.on(&s.chat).iter().map(|one| one.offset).filter(|offset| *offset > 0).collect();
    assert!(offsets.windows(2).all(|pair| pair[1] == pair[0] + 1), "{offsets:?}");
}
