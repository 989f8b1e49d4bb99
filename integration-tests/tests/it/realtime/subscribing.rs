//! centrifugo.md §5 and §3: subscriptions and their refusals.

use parlance_integration_tests::realtime::SubscribeRequest;

use crate::prelude::*;

#[tokio::test]
async fn a_fresh_subscription_tells_its_position() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    for encoding in Encoding::ALL {
        let client = Realtime::connect_in(&server, &alice, encoding).await;
        let before = client.subscribed(&alice.chat(&group)).await;
        assert!(before.positioned && before.recoverable && !before.epoch.is_empty());
        assert!(!before.was_recovering && !before.recovered && before.publications.is_empty());
        assert!(!before.expires && before.ttl == 0);
        alice.send(&group, "one").await;
        client.event(&alice.chat(&group), "message.new").await;
        client.unsubscribe(&alice.chat(&group)).await;
        let after = client.subscribed(&alice.chat(&group)).await;
        assert_eq!((after.offset, after.epoch), (before.offset + 1, before.epoch));
    }
}

#[tokio::test]
async fn channels_that_are_not_open_to_the_user_are_refused_and_the_connection_stays() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[]).await;
    for encoding in Encoding::ALL {
        let client = Realtime::connect_in(&server, &bob, encoding).await;
        for (channel, code) in [
            (alice.chat(&group), 103),
            (alice.stream(), 103),
            (format!("user:{NOBODY}:bob"), 103),
            (format!("chat:{NOBODY}:{group}"), 103),
            (bob.chat(NOBODY), 103),
            (bob.chat("x"), 103),
            (format!("app:{DEV_APP}"), 103),
            ("nonsense:a:b".to_owned(), 102),
            ("nonsense".to_owned(), 102),
        ] {
            let error =
                client.subscribe(&channel).await.error.unwrap_or_else(|| panic!("{channel} accepted"));
            assert_eq!((error.code, error.temporary), (code, false), "{channel}");
            assert!(!error.message.is_empty());
        }
        client.subscribed(&bob.stream()).await;
    }
}

#[tokio::test]
async fn public_channels_may_be_followed_without_joining() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let open = alice.channel("public", "open", &[]).await;
    let client = Realtime::follow(&server, &bob, &[&open]).await;
    alice.send(&open, "hello").await;
    client.event(&bob.chat(&open), "message.new").await;
    assert_eq!(bob.get(&ch(&open)).await.ok()["role"], Value::Null);
}

#[tokio::test]
async fn subscribing_twice_is_an_error_and_unsubscribing_always_succeeds() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let client = Realtime::connect(&server, &alice).await;
    client.subscribed(&alice.stream()).await;
    assert_eq!(client.subscribe(&alice.stream()).await.error.unwrap().code, 105);
    for channel in [alice.stream(), alice.stream(), "nonsense".to_owned(), String::new(), "x".repeat(255)] {
        let reply = client.unsubscribe(&channel).await;
        assert!(reply.error.is_none() && reply.unsubscribe.is_some(), "{channel:?}: {reply:?}");
    }
    client.subscribed(&alice.stream()).await;
}

#[tokio::test]
async fn nothing_arrives_after_unsubscribing() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let [first, second] = [alice.group("a", &[]).await, alice.group("b", &[]).await];
    let client = Realtime::follow(&server, &alice, &[&first, &second]).await;
    client.unsubscribe(&alice.chat(&first)).await;
    alice.send(&first, "unheard").await;
    alice.send(&second, "heard").await;
    client.event(&alice.chat(&second), "message.new").await;
    assert!(client.state().on(&alice.chat(&first)).is_empty());
}

#[tokio::test]
async fn a_connection_carries_at_most_128_subscriptions_and_255_byte_names() {
    let options = Options::new().with("realtime.max_subscriptions", 3);
    let server = Harness::start_with(options).await;
    let alice = server.user("alice").await;
    let client = Realtime::connect(&server, &alice).await;
    for number in 0..3 {
        let group = alice.group(&format!("g{number}"), &[]).await;
        client.subscribed(&alice.chat(&group)).await;
    }
    assert_eq!(client.subscribe(&alice.stream()).await.error.unwrap().code, 106);
    let long = format!("chat:{DEV_APP}:{}", "x".repeat(255));
    let reply = client.subscribe(&long).await;
    assert!([106, 107].contains(&reply.error.expect("refused").code));
}

#[tokio::test]
async fn an_optional_subscription_token_must_fit_and_never_replaces_membership() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let chat = alice.chat(&group);
    let token = async |user: &User, channel: &str| {
        let answer = user.post("/api/realtime/subscription-token", &json!({"channel": channel})).await.ok();
        answer["token"].as_str().unwrap().to_owned()
    };
    let with = |token: String| SubscribeRequest { channel: chat.clone(), token, ..Default::default() };

    let client = Realtime::connect(&server, &bob).await;
    let reply = client.subscribe_with(with(token(&bob, &chat).await)).await.subscribe.expect("accepted");
    assert!(reply.expires && reply.ttl > 0, "{reply:?}");

    // A token that was right does not help once the membership is gone.
    let old = token(&bob, &chat).await;
    alice.delete(&format!("{}/members/bob", ch(&group))).await.ok();
    let client = Realtime::connect(&server, &bob).await;
    assert_eq!(client.subscribe_with(with(old)).await.error.unwrap().code, 103);
    assert_eq!(client.subscribe_with(with("garbage".into())).await.error.unwrap().code, 103);
    client.subscribed(&bob.stream()).await;
}

#[tokio::test]
async fn the_reply_comes_before_the_first_publication() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let chat = alice.chat(&group);
    let sender = alice.clone();
    let channel = group.clone();
    let flow = tokio::spawn(async move {
        for number in 0..150 {
            sender.send(&channel, &number.to_string()).await;
        }
    });
    while !flow.is_finished() {
        let client = Realtime::connect(&server, &alice).await;
        let result = client.subscribed(&chat).await;
        let next = client.wait_until("a publication or the end", |state| {
            if flow.is_finished() { Some(None) } else { state.on(&chat).first().map(|one| Some(one.offset)) }
        });
        if let Ok(Some(offset)) = tokio::time::timeout(std::time::Duration::from_secs(2), next).await {
            assert_eq!(offset, result.offset + 1, "the first live publication follows the position");
        }
        let state = client.state();
        let reply = state.replies.iter().position(|one| one.subscribe.is_some());
        let push = state.replies.iter().position(|one| one.push.is_some());
        assert!(push.is_none() || reply < push, "{reply:?} {push:?}");
    }
    flow.await.unwrap();
}
