//! chatsdk.md §4.2: typing.

use std::time::Instant;

use crate::prelude::*;

#[tokio::test]
async fn typing_starts_stops_on_word_and_repeats_sparingly() {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let group = alice.group("g", &[&bob]).await;
    let listener = Realtime::follow(&server, &bob, &[&group]).await;
    let path = format!("{}/typing", ch(&group));
    for _ in 0..5 {
        assert_eq!(alice.post_empty(&path).await.ok(), json!({"success": true}));
    }
    let start = listener.event(&bob.chat(&group), "typing.start").await;
    assert_eq!((&start["channelId"], &start["user"]["id"]), (&json!(group), &json!("alice")));
    has(&start["user"], &["id", "name", "image"]);
    alice.post(&path, &json!({"typing": false})).await.ok();
    listener.event(&bob.chat(&group), "typing.stop").await;
    let heard = listener.state().on(&bob.chat(&group));
    assert_eq!(heard.iter().map(|one| one.kind()).collect::<Vec<_>>(), ["typing.start", "typing.stop"]);
    assert!(heard.iter().all(|one| one.offset == 0), "typing is ephemeral");
    carol.post_empty(&path).await.refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn silence_and_the_message_itself_end_typing() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let chat = bob.chat(&group);
    let listener = Realtime::follow(&server, &bob, &[&group]).await;
    alice.post_empty(&format!("{}/typing", ch(&group))).await.ok();
    listener.event(&chat, "typing.start").await;
    let started = Instant::now();
    listener.event(&chat, "typing.stop").await;
    let silence = started.elapsed().as_secs_f32();
    assert!((4.0..12.0).contains(&silence), "stopped after {silence} s");

    alice.post_empty(&format!("{}/typing", ch(&group))).await.ok();
    listener
        .wait_until("typing starts again", |state| {
            (state.events(&chat, "typing.start").len() == 2).then_some(())
        })
        .await;
    alice.send(&group, "done").await;
    listener
        .wait_until("the message ends typing", |state| {
            (state.events(&chat, "typing.stop").len() == 2).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_channel_may_switch_typing_off() {
    let server = Harness::start().await;
    let [alice, _bob] = server.users(["alice", "bob"]).await;
    let body = json!({"type": "group", "memberIds": ["bob"], "config": {"typingEvents": false}});
    let group = id(&alice.post("/api/channels", &body).await.created());
    let listener = Realtime::follow(&server, &alice, &[&group]).await;
    alice.post_empty(&format!("{}/typing", ch(&group))).await.ok();
    alice.send(&group, "after").await;
    listener.event(&alice.chat(&group), "message.new").await;
    assert!(!listener.state().kinds(&alice.chat(&group)).contains(&"typing.start".to_owned()));
}
