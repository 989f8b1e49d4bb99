//! chatsdk.md §5.2: presence over REST; §2.1 `online`.

use crate::prelude::*;

async fn online(asking: &User, whom: &str) -> bool {
    asking.get(&format!("/api/users/{whom}")).await.ok()["online"].as_bool().expect("online is a boolean")
}

async fn until_online(asking: &User, whom: &str, expected: bool) {
    eventually(&format!("{whom} online = {expected}"), || async {
        if online(asking, whom).await == expected { Ok(()) } else { Err(!expected) }
    })
    .await;
}

#[tokio::test]
async fn online_follows_the_connection_and_the_user_s_own_word() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    assert_eq!(bob.post_empty("/api/presence/offline").await.ok()["success"], true);
    until_online(&alice, "bob", false).await;
    for path in ["/api/presence/online", "/api/presence/heartbeat"] {
        bob.post_empty("/api/presence/offline").await.ok();
        until_online(&alice, "bob", false).await;
        assert_eq!(bob.post_empty(path).await.ok()["success"], true);
        until_online(&alice, "bob", true).await;
    }
    bob.post("/api/presence", &json!({"online": false})).await.ok();
    until_online(&alice, "bob", false).await;
    bob.post("/api/presence", &json!({"online": true})).await.ok();
    until_online(&alice, "bob", true).await;
    bob.post("/api/presence", &json!({"online": "yes"})).await.refused(400, "VALIDATION_ERROR");

    let connection = Realtime::follow(&server, &bob, &[&group]).await;
    until_online(&alice, "bob", true).await;
    connection.cut().await;
    until_online(&alice, "bob", false).await;
}

#[tokio::test]
async fn any_call_of_a_user_is_a_sign_of_life_until_he_says_that_he_leaves() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    alice.group("g", &[&bob]).await;
    assert!(!online(&alice, "bob").await, "being written to is no sign of life");
    bob.get("/api/channels").await.ok();
    until_online(&alice, "bob", true).await;
    bob.post_empty("/api/presence/offline").await.ok();
    until_online(&alice, "bob", false).await;
    bob.get("/api/channels").await.ok();
    assert!(!online(&alice, "bob").await, "a last request does not undo it");
}

#[tokio::test]
async fn presence_is_asked_for_many_and_told_of_companions_only() {
    let server = Harness::start().await;
    let [alice, bob, stranger] = server.users(["alice", "bob", "stranger"]).await;
    alice.group("g", &[&bob]).await;
    bob.post_empty("/api/presence/online").await.ok();
    stranger.post_empty("/api/presence/online").await.ok();
    let body = json!({"userIds": ["bob", "stranger", "nobody"]});
    let answer = alice.post("/api/presence/query", &body).await.ok();
    let of = &answer["presence"]["bob"];
    assert_eq!((&of["online"], &of["user"]["id"]), (&json!(true), &json!("bob")));
    has(of, &["online", "lastSeen", "user"]);
    has(&of["user"], &["id", "name", "image"]);
    for hidden in ["stranger", "nobody"] {
        assert!(answer["presence"].get(hidden).is_none(), "{answer}");
    }
    let many: Vec<String> = (0..101).map(|number| format!("u{number}")).collect();
    for wrong in [json!({}), json!({"userIds": []}), json!({"userIds": many}), json!({"userIds": 1})] {
        alice.post("/api/presence/query", &wrong).await.refused(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn a_channel_tells_who_is_there() {
    let server = Harness::start().await;
    let [alice, bob, carol, dave] = server.users(["alice", "bob", "carol", "dave"]).await;
    let group = alice.group("g", &[&bob, &carol]).await;
    for user in [&alice, &bob] {
        user.post_empty("/api/presence/online").await.ok();
    }
    carol.post_empty("/api/presence/offline").await.ok();
    let path = format!("{}/presence", ch(&group));
    let answer = alice.get(&path).await.ok();
    let mut online = texts(&answer["online"], "userId");
    online.sort();
    assert_eq!(online, ["alice", "bob"]);
    assert_eq!(texts(&answer["offline"], "userId"), ["carol"]);
    assert_eq!((&answer["totalOnline"], &answer["totalMembers"]), (&json!(2), &json!(3)));
    has(&answer["online"][0], &["id", "name", "image", "online", "lastSeen", "userId", "user"]);
    dave.get(&path).await.refused(403, "FORBIDDEN");
}
