//! chatsdk.md §3.2 and §1.3: repeats.

use crate::prelude::*;

#[tokio::test]
async fn a_repeated_client_id_returns_the_first_message_in_full() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let own = uuid::Uuid::new_v4().to_string();
    let body = json!({"text": "once", "clientMsgId": own});
    let first = alice.send_body(&group, &body).await.created();
    assert_eq!(
        (&first["id"], &first["clientMsgId"]),
        (&json!(own), &json!(own)),
        "an unused UUID becomes the id"
    );
    let other_text = json!({"text": "twice", "clientMsgId": own});
    for repeat in [&body, &other_text] {
        let mut again = alice.send_body(&group, repeat).await.ok();
        assert_eq!(again["duplicate"], true);
        has(&again, crate::messages::FIELDS);
        again.as_object_mut().unwrap().remove("duplicate");
        assert_eq!(again, first);
    }
    assert_eq!(alice.texts(&group).await, ["once"]);
    // The id is taken in this app; whoever sends it next gets an own one.
    let theirs = bob.send_body(&group, &json!({"text": "bob's", "clientMsgId": own})).await.created();
    assert_ne!(id(&theirs), own);
    assert_eq!(theirs["clientMsgId"], own);
    let elsewhere = alice.group("h", &[]).await;
    let there = alice.send_body(&elsewhere, &body).await.created();
    assert_ne!(id(&there), own);
}

#[tokio::test]
async fn any_client_id_up_to_255_characters_will_do() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    for own in ["1", "temp-42", &"x".repeat(255), "ü ☃", "00000000-0000-0000-0000-00000000000g"] {
        let body = json!({"text": own, "clientMsgId": own});
        let first = alice.send_body(&group, &body).await.created();
        uuid::Uuid::try_parse(&id(&first)).expect("an own id is used");
        assert_eq!(id(&alice.send_body(&group, &body).await.ok()), id(&first));
    }
    assert_eq!(alice.texts(&group).await.len(), 5);
}

#[tokio::test]
async fn twenty_parallel_sends_of_one_client_id_store_one_message() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let listener = Realtime::follow(&server, &alice, &[&group]).await;
    for round in 0..5 {
        let own = format!("round-{round}");
        let sends = (0..20).map(|_| {
            // A client of its own, so that there are twenty connections.
            let rest =
                Rest::new(Rest::http_client(), server.rest_url()).with_key(DEV_KEY).with_token(&alice.token);
            let (path, body) = (format!("{}/messages", ch(&group)), json!({"text": own, "clientMsgId": own}));
            async move { rest.post(&path, &body).await }
        });
        let answers = futures_util::future::join_all(sends).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 19);
        let mut ids: Vec<String> = answers.iter().map(|answer| id(&answer.body)).collect();
        ids.dedup();
        assert_eq!(ids.len(), 1);
        assert!(answers.iter().all(|answer| answer.body["text"] == own));
    }
    let sent = alice.send(&group, "last").await;
    assert_eq!(seq(&sent), 6);
    let chat = alice.chat(&group);
    listener.event_where(&chat, "message.new", |event| event["message"]["text"] == "last").await;
    assert_eq!(listener.state().events(&chat, "message.new").len(), 6);
}

#[tokio::test]
async fn an_idempotency_key_makes_a_send_repeatable_too() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let keyed = alice.to_rest().with_header("idempotency-key", "k1");
    let path = format!("{}/messages", ch(&group));
    let first = keyed.post(&path, &json!({"text": "once"})).await.created();
    let again = keyed.post(&path, &json!({"text": "once"})).await.ok();
    assert_eq!((id(&again), &again["duplicate"]), (id(&first), &json!(true)));
    for _ in 0..2 {
        alice.post(&path, &json!({"text": "without"})).await.created();
    }
    assert_eq!(alice.texts(&group).await, ["once", "without", "without"]);
}

#[tokio::test]
async fn a_repeated_channel_creation_returns_the_first_channel() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let body = json!({"type": "group", "name": "once", "idempotencyKey": "k1"});
    let creations = (0..10).map(|_| alice.post("/api/channels", &body));
    let answers = futures_util::future::join_all(creations).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    let mut ids: Vec<String> = answers
        .into_iter()
        .map(|answer| {
            assert!(answer.is_success(), "{}", answer.text);
            id(&answer.body)
        })
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let header = alice.to_rest().with_header("idempotency-key", "k2");
    let plain = json!({"type": "group", "name": "by header"});
    let first = header.post("/api/channels", &plain).await.created();
    assert_eq!(id(&header.post("/api/channels", &plain).await.ok()), id(&first));
    let bobs = bob.post("/api/channels", &body).await.created();
    assert_ne!(id(&bobs), ids[0]);
}

#[tokio::test]
async fn add_remove_add_within_a_moment_emits_all_three() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let message = id(&alice.send(&group, "x").await);
    let chat = alice.chat(&group);
    let listener = Realtime::follow(&server, &alice, &[&group]).await;
    let reactions = format!("{}/reactions", msg(&group, &message));
    let pin = format!("{}/pin", msg(&group, &message));
    for _ in 0..2 {
        alice.post(&reactions, &json!({"emoji": "👍"})).await.ok();
    }
    alice.delete(&format!("{reactions}/👍")).await.ok();
    alice.delete(&format!("{reactions}/👍")).await.ok();
    alice.post(&reactions, &json!({"emoji": "👍"})).await.ok();
    for _ in 0..2 {
        alice.post_empty(&pin).await.ok();
    }
    alice.delete(&pin).await.ok();
    alice.delete(&pin).await.ok();
    alice.post_empty(&pin).await.ok();
    alice.send(&group, "end").await;
    listener.event(&chat, "message.new").await;
    assert_eq!(
        listener.state().kinds(&chat),
        [
            "reaction.added",
            "reaction.removed",
            "reaction.added",
            "message.updated",
            "message.updated",
            "message.updated",
            "message.new"
        ]
    );
}
