//! chatsdk.md §3.4: mentions.

use crate::prelude::*;

async fn scene() -> (Harness, User, String) {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    server.user_with(json!({"userId": "user-2", "name": "Bob Smith"})).await;
    server.user_with(json!({"userId": "carol", "name": "Carol"})).await;
    server.user_with(json!({"userId": "outsider", "name": "Outsider"})).await;
    let body = json!({"type": "group", "memberIds": ["user-2", "carol"]});
    let group = id(&alice.post("/api/channels", &body).await.created());
    (server, alice, group)
}

#[tokio::test]
async fn mentions_are_found_by_id_and_name_among_members() {
    let (_server, alice, group) = scene().await;
    for (text, expected) in [
        ("Hello @user-2!", vec!["user-2"]),
        ("@CAROL and @BobSmith", vec!["carol", "user-2"]),
        ("@[Bob Smith] look", vec!["user-2"]),
        ("@user-2, @user-2. @user-2-", vec!["user-2"]),
        ("@outsider @nobody", vec![]),
        ("@alice", vec![]),
        ("mail me@carol.example or `@carol`", vec![]),
        ("```\n@carol\n```", vec![]),
        ("no mention @ all", vec![]),
    ] {
        let message = alice.send(&group, text).await;
        assert_eq!(message["mentions"], json!(expected), "{text}");
    }
}

#[tokio::test]
async fn edits_recompute_mentions_and_named_users_are_added() {
    let (_server, alice, group) = scene().await;
    let body = json!({"text": "hello", "mentionedUserIds": ["carol", "outsider", "alice"]});
    let message = alice.send_body(&group, &body).await.created();
    assert_eq!(message["mentions"], json!(["carol"]));
    let message = alice.send(&group, "@carol").await;
    let edited = alice.patch(&msg(&group, &id(&message)), &json!({"text": "@user-2"})).await.ok();
    assert_eq!(edited["mentions"], json!(["user-2"]));
    let reply = json!({"text": "@carol", "parentId": id(&message)});
    assert_eq!(alice.send_body(&group, &reply).await.created()["mentions"], json!(["carol"]));
}
