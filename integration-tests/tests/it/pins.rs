//! chatsdk.md §4.4: pins.

use crate::prelude::*;

fn pins(channel: &str) -> String {
    format!("{}/pins", ch(channel))
}

fn pin(channel: &str, message: &str) -> String {
    format!("{}/pin", msg(channel, message))
}

#[tokio::test]
async fn pinned_messages_are_listed_newest_pin_first() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let [first, second] = [id(&alice.send(&group, "1").await), id(&alice.send(&group, "2").await)];
    for message in [&second, &first, &second] {
        assert_eq!(alice.post_empty(&pin(&group, message)).await.ok(), json!({"success": true}));
    }
    let list = bob.get(&pins(&group)).await.ok();
    assert_eq!(texts(&list["messages"], "id"), [first.clone(), second.clone()]);
    has(&list["messages"][0], crate::messages::FIELDS);
    assert_eq!(
        (&list["messages"][0]["pinnedBy"], &list["messages"][0]["pinned"]),
        (&json!("alice"), &json!(true))
    );
    assert!(list["messages"][0]["pinnedAt"].is_string());
    let message = bob.get(&msg(&group, &first)).await.ok();
    assert_eq!((&message["pinned"], &message["updatedAt"]), (&json!(true), &message["createdAt"]));
    for _ in 0..2 {
        assert_eq!(alice.delete(&pin(&group, &first)).await.ok(), json!({"success": true}));
    }
    assert_eq!(texts(&bob.get(&pins(&group)).await.ok()["messages"], "id"), std::slice::from_ref(&second));
    alice.delete(&msg(&group, &second)).await.ok();
    assert_eq!(bob.get(&pins(&group)).await.ok()["messages"], json!([]), "deleting unpins");
    alice.post_empty(&pin(&group, NOBODY)).await.refused(404, "NOT_FOUND");
    alice.post_empty(&pin(&group, &second)).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn moderators_pin_in_groups_and_both_parties_in_direct_channels() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let message = id(&bob.send(&group, "1").await);
    bob.post_empty(&pin(&group, &message)).await.refused(403, "FORBIDDEN");
    alice.patch(&format!("{}/members/bob", ch(&group)), &json!({"role": "moderator"})).await.ok();
    bob.post_empty(&pin(&group, &message)).await.ok();
    let direct = alice.direct(&bob).await;
    let message = id(&alice.send(&direct, "1").await);
    bob.post_empty(&pin(&direct, &message)).await.ok();
    alice.delete(&pin(&direct, &message)).await.ok();
}

#[tokio::test]
async fn at_most_twenty_five_pins_hold_under_concurrency() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let mut sent = Vec::new();
    for number in 0..30 {
        sent.push(id(&alice.send(&group, &number.to_string()).await));
    }
    let tries = sent.iter().map(|message| async { alice.post_empty(&pin(&group, message)).await });
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 25);
    for refused in answers.into_iter().filter(|answer| answer.status != 200) {
        refused.refused(400, "VALIDATION_ERROR");
    }
    assert_eq!(alice.get(&pins(&group)).await.ok()["messages"].as_array().unwrap().len(), 25);
}
