//! centrifugo.md §5: recovery.

use parlance_integration_tests::realtime::SubscribeRequest;

use crate::prelude::*;

#[tokio::test]
async fn fifty_messages_sent_while_away_arrive_once_and_in_order() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let chat = bob.chat(&group);
    for encoding in Encoding::ALL {
        let client = Realtime::connect_in(&server, &bob, encoding).await;
        let position = client.subscribed(&chat).await;
        client.cut().await;
        for number in 0..50 {
            alice.send(&group, &number.to_string()).await;
        }
        let client = Realtime::connect_in(&server, &bob, encoding).await;
        let result = client.recover(&chat, position.offset, &position.epoch).await.subscribe.unwrap();
        assert!(result.was_recovering && result.recovered && result.recoverable && result.positioned);
        assert_eq!((result.offset, &result.epoch), (position.offset, &position.epoch));
        let offsets: Vec<u64> = result.publications.iter().map(|one| one.offset).collect();
        assert_eq!(offsets, (position.offset + 1..=position.offset + 50).collect::<Vec<u64>>());
        let texts: Vec<String> = result
            .publications
            .iter()
            .map(|one| one.payload()["message"]["text"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(texts, (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
        // And it goes on from there.
        alice.send(&group, "live").await;
        let live = |event: &Value| event["message"]["text"] == "live";
        client.event_where(&chat, "message.new", live).await;
        assert_eq!(client.state().on(&chat).last().unwrap().offset, position.offset + 51);
    }
}

#[tokio::test]
async fn nothing_new_is_recovered_too() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let chat = alice.chat(&group);
    let client = Realtime::connect(&server, &alice).await;
    let position = client.subscribed(&chat).await;
    client.unsubscribe(&chat).await;
    let result = client.recover(&chat, position.offset, &position.epoch).await.subscribe.unwrap();
    assert!(result.recovered && result.was_recovering && result.publications.is_empty());
    assert_eq!(result.offset, position.offset);
}

#[tokio::test]
async fn what_cannot_be_recovered_is_said() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let chat = alice.chat(&group);
    alice.send(&group, "1").await;
    let client = Realtime::connect(&server, &alice).await;
    let position = client.subscribed(&chat).await;
    for (offset, epoch) in
        [(position.offset, "other"), (0, "_"), (position.offset + 7, position.epoch.as_str())]
    {
        client.unsubscribe(&chat).await;
        let result = client.recover(&chat, offset, epoch).await.subscribe.unwrap();
        assert!(result.was_recovering && !result.recovered, "{offset} {epoch}");
        assert!(result.publications.is_empty());
        assert_eq!(result.offset, position.offset);
        client.unsubscribe(&chat).await;
        let strict = SubscribeRequest {
            channel: chat.clone(),
            recover: true,
            offset,
            epoch: epoch.to_owned(),
            flag: 2,
            ..Default::default()
        };
        assert_eq!(client.subscribe_with(strict).await.error.unwrap().code, 112, "{offset} {epoch}");
    }
}

#[tokio::test]
async fn edits_reactions_reads_and_deletes_are_recovered_with_current_bodies() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let chat = bob.chat(&group);
    let client = Realtime::connect(&server, &bob).await;
    let position = client.subscribed(&chat).await;
    client.cut().await;
    let message = id(&alice.send(&group, "before").await);
    alice.patch(&msg(&group, &message), &json!({"text": "after"})).await.ok();
    bob.post(&format!("{}/reactions", msg(&group, &message)), &json!({"emoji": "x"})).await.ok();
    bob.post(&format!("{}/receipts", ch(&group)), &json!({"messageId": message})).await.ok();
    alice.patch(&ch(&group), &json!({"name": "renamed"})).await.ok();
    let second = id(&alice.send(&group, "gone").await);
    alice.delete(&msg(&group, &second)).await.ok();
    let client = Realtime::connect(&server, &bob).await;
    let result = client.recover(&chat, position.offset, &position.epoch).await.subscribe.unwrap();
    assert!(result.recovered);
    let kinds: Vec<String> = result.publications.iter().map(|one| one.kind()).collect();
    for kind in [
        "message.new",
        "message.updated",
        "reaction.added",
        "read.updated",
        "read_receipt",
        "channel.updated",
        "message.deleted",
    ] {
        assert!(kinds.contains(&kind.to_owned()), "{kind} not in {kinds:?}");
    }
    let updated = result.publications.iter().find(|one| one.kind() == "message.updated").unwrap().payload();
    assert_eq!(updated["message"]["text"], "after");
    assert!(!serde_json::to_string(&kinds).unwrap().contains("typing"));
    let text: String = result.publications.iter().map(|one| one.json().to_string()).collect();
    assert!(!text.contains("\"gone\""), "the text of a deleted message is not handed out again");
}

#[tokio::test]
async fn the_own_channel_recovers_what_was_directed_to_the_user() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let client = Realtime::connect(&server, &bob).await;
    let position = client.subscribed(&bob.stream()).await;
    client.cut().await;
    let group = alice.group("g", &[&bob]).await;
    let other = alice.group("h", &[]).await;
    alice.post(&format!("{}/members", ch(&other)), &json!({"userId": "bob"})).await.ok();
    alice.delete(&format!("{}/members/bob", ch(&other))).await.ok();
    alice.delete(&ch(&group)).await.ok();
    let client = Realtime::connect(&server, &bob).await;
    let result = client.recover(&bob.stream(), position.offset, &position.epoch).await.subscribe.unwrap();
    assert!(result.recovered);
    let kinds: Vec<String> = result.publications.iter().map(|one| one.kind()).collect();
    assert_eq!(kinds, ["channel.created", "channel.member_joined", "channel.member_left", "channel.deleted"]);
    let offsets: Vec<u64> = result.publications.iter().map(|one| one.offset).collect();
    assert_eq!(offsets, (position.offset + 1..=position.offset + 4).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_restart_keeps_the_epoch_and_the_history() {
    let mut server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let chat = alice.chat(&group);
    let client = Realtime::connect(&server, &alice).await;
    let position = client.subscribed(&chat).await;
    alice.send(&group, "before").await;
    drop(client);
    server.terminate().await;
    server.start_again().await;
    alice.send(&group, "after").await;
    let client = Realtime::connect(&server, &alice).await;
    let result = client.recover(&chat, position.offset, &position.epoch).await.subscribe.unwrap();
    assert!(result.recovered);
    assert_eq!((result.publications.len(), &result.epoch), (2, &position.epoch));
}

#[tokio::test]
async fn at_least_a_hundred_events_can_be_recovered() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let chat = alice.chat(&group);
    let client = Realtime::connect(&server, &alice).await;
    let position = client.subscribed(&chat).await;
    client.cut().await;
    for number in 0..120 {
        alice.send(&group, &number.to_string()).await;
    }
    let client = Realtime::connect(&server, &alice).await;
    let result = client.recover(&chat, position.offset, &position.epoch).await.subscribe.unwrap();
    assert!(result.recovered);
    assert_eq!(result.publications.len(), 120);
}
