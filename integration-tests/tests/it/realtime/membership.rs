//! chatsdk.md §6.3: subscriptions end with the right to them.

use parlance_integration_tests::realtime::{Reply, State};

use crate::prelude::*;

#[tokio::test]
async fn a_removed_member_is_unsubscribed_before_anything_later() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let chat = bob.chat(&group);
    for encoding in Encoding::ALL {
        let client = Realtime::connect_in(&server, &bob, encoding).await;
        client.subscribed(&chat).await;
        alice.send(&group, "heard").await;
        client.event(&chat, "message.new").await;
        alice.delete(&format!("{}/members/bob", ch(&group))).await.ok();
        alice.send(&group, "unheard").await;
        client.wait_until("the push 2000", |state| (state.unsubscribes(&chat) == [2000]).then_some(())).await;
        assert_eq!(client.subscribe(&chat).await.error.unwrap().code, 103);
        client.subscribed(&bob.stream()).await;
        let texts: Vec<Value> = client
            .state()
            .events(&chat, "message.new")
            .iter()
            .map(|event| event["message"]["text"].clone())
            .collect();
        assert_eq!(texts, ["heard"]);
        alice.post(&format!("{}/members", ch(&group)), &json!({"userId": "bob"})).await.ok();
        client.subscribed(&chat).await;
    }
}

#[tokio::test]
async fn leaving_and_deletion_of_the_channel_end_the_subscription_too() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let [first, second] = [alice.group("a", &[&bob]).await, alice.group("b", &[&bob]).await];
    let client = Realtime::follow(&server, &bob, &[&first, &second]).await;
    bob.delete(&format!("{}/members/me", ch(&first))).await.ok();
    let ended = |channel: String| move |state: &State| (state.unsubscribes(&channel) == [2000]).then_some(());
    client.wait_until("leaving ends it", ended(bob.chat(&first))).await;
    alice.delete(&ch(&second)).await.ok();
    client.wait_until("deletion ends it", ended(bob.chat(&second))).await;
}

#[tokio::test]
async fn nothing_is_heard_after_removal_however_fast_it_follows() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let chat = bob.chat(&group);
    for round in 0..15 {
        let client = Realtime::connect(&server, &bob).await;
        client.subscribed(&chat).await;
        let sender = alice.clone();
        let channel = group.clone();
        let flow = tokio::spawn(async move {
            for number in 0..20 {
                sender.send(&channel, &format!("{round}-{number}")).await;
            }
        });
        alice.delete(&format!("{}/members/bob", ch(&group))).await.ok();
        let removed_at = alice.messages(&group, "?limit=1").await["maxSeq"].as_u64().unwrap();
        flow.await.unwrap();
        let after = seq(&alice.send(&group, &format!("{round} after")).await);
        assert!(after > removed_at);
        client
            .wait_until("the push 2000", |state| (!state.unsubscribes(&chat).is_empty()).then_some(()))
            .await;
        assert_silent_since_removal(&client.state(), &chat, removed_at);
        alice.post(&format!("{}/members", ch(&group)), &json!({"userId": "bob"})).await.ok();
    }
}

fn assert_silent_since_removal(state: &State, chat: &str, removed_at: u64) {
    let is_end = |reply: &Reply| reply.push.as_ref().is_some_and(|push| push.unsubscribe.is_some());
    let is_event = |reply: &&Reply| {
        reply.push.as_ref().is_some_and(|push| push.publication.is_some() && push.channel == chat)
    };
    let end = state.replies.iter().position(is_end).unwrap();
    assert_eq!(state.replies[end..].iter().filter(is_event).count(), 0, "publications after push 2000");
    let heard = state.events(chat, "message.new");
    assert!(heard.iter().all(|event| seq(&event["message"]) <= removed_at), "heard past the removal");
}

#[tokio::test]
async fn a_deleted_user_is_disconnected_within_a_second() {
    let server = Harness::start().await;
    let [alice, _bob] = server.users(["alice", "bob"]).await;
    for encoding in Encoding::ALL {
        let bob = server.user("bob").await;
        let client = Realtime::connect_in(&server, &bob, encoding).await;
        client.subscribed(&bob.stream()).await;
        server.server_key().delete("/api/users/bob").await.ok();
        let started = std::time::Instant::now();
        let close = client.closed().await;
        assert_eq!(close.code, 3503, "{close:?}");
        assert!(!close.reason.is_empty());
        assert!(started.elapsed().as_secs() < 2);
        let client = Realtime::open(&server.realtime_url(), encoding).await;
        client.send_token(&bob.ws_token).await;
        assert_eq!(client.closed().await.code, 3500, "the token is revoked");
    }
    alice.get("/api/channels").await.ok();
}
