//! chatsdk.md §5.2: members.

use crate::prelude::*;

fn members(channel: &str) -> String {
    format!("{}/members", ch(channel))
}

async fn roles(user: &User, channel: &str) -> Vec<(String, String)> {
    let list = user.get(&members(channel)).await.ok();
    texts(&list["members"], "id").into_iter().zip(texts(&list["members"], "role")).collect()
}

#[tokio::test]
async fn members_are_listed_with_their_roles() {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let group = alice.group("g", &[&bob]).await;
    let list = bob.get(&members(&group)).await.ok();
    has(&list["members"][0], &["id", "name", "image", "role", "joinedAt"]);
    assert_eq!(
        roles(&bob, &group).await,
        [("alice".to_owned(), "owner".to_owned()), ("bob".to_owned(), "member".to_owned())]
    );
    carol.get(&members(&group)).await.refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn members_are_added_singly_or_together_and_only_once() {
    let server = Harness::start().await;
    let [alice, bob, _carol, _dave] = server.users(["alice", "bob", "carol", "dave"]).await;
    let group = alice.group("g", &[]).await;
    let path = members(&group);
    let add = async |body: Value| alice.post(&path, &body).await.ok();
    assert_eq!(add(json!({"userId": "bob"})).await, json!({"success": true, "addedCount": 1}));
    assert_eq!(add(json!({"userIds": ["bob", "carol", "dave"]})).await["addedCount"], 2);
    assert_eq!(add(json!({"userId": "bob"})).await["addedCount"], 0);
    assert_eq!(bob.get(&ch(&group)).await.ok()["memberCount"], 4);
    alice.post(&path, &json!({"userId": "nobody"})).await.refused(404, "NOT_FOUND");
    alice.post(&path, &json!({})).await.refused(400, "VALIDATION_ERROR");
    alice.post(&path, &json!({"userIds": []})).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn anybody_joins_a_public_channel_and_nobody_a_private_one() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let open = alice.channel("public", "open", &[]).await;
    assert_eq!(bob.post(&members(&open), &json!({"userId": "bob"})).await.ok()["addedCount"], 1);
    assert_eq!(bob.get(&ch(&open)).await.ok()["role"], "member");
    for kind in ["private", "group", "livestream"] {
        let closed = alice.channel(kind, "closed", &[]).await;
        bob.post(&members(&closed), &json!({"userId": "bob"})).await.refused(403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn a_new_member_starts_with_nothing_unread() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[]).await;
    alice.send(&group, "before").await;
    alice.post(&members(&group), &json!({"userId": "bob"})).await.ok();
    assert_eq!((bob.unread(&group).await, bob.total_unread().await), (0, 0));
    alice.send(&group, "after").await;
    assert_eq!((bob.unread(&group).await, bob.total_unread().await), (1, 1));
}

#[tokio::test]
async fn roles_are_given_up_to_the_own_and_only_below_it() {
    let server = Harness::start().await;
    let [alice, bob, carol, dave] = server.users(["alice", "bob", "carol", "dave"]).await;
    let group = alice.group("g", &[&bob, &carol, &dave]).await;
    let set = async |by: &User, whom: &str, role: &str| {
        by.patch(&format!("{}/{whom}", members(&group)), &json!({"role": role})).await
    };
    let answer = set(&alice, "bob", "admin").await.ok();
    assert_eq!((&answer["success"], &answer["role"]), (&json!(true), &json!("admin")));
    set(&bob, "carol", "moderator").await.ok();
    set(&bob, "carol", "owner").await.refused(403, "FORBIDDEN");
    set(&carol, "bob", "member").await.refused(403, "FORBIDDEN");
    set(&dave, "dave", "owner").await.refused(403, "FORBIDDEN");
    set(&dave, "me", "admin").await.refused(403, "FORBIDDEN");
    set(&alice, "bob", "emperor").await.refused(400, "VALIDATION_ERROR");
    set(&alice, "nobody", "member").await.refused(404, "NOT_FOUND");
    dave.post(&members(&group), &json!({"userId": "dave"})).await.ok();
    assert_eq!(bob.get(&ch(&group)).await.ok()["role"], "admin");
}

#[tokio::test]
async fn moderators_remove_lower_roles_and_everybody_leaves() {
    let server = Harness::start().await;
    let [alice, bob, carol, dave] = server.users(["alice", "bob", "carol", "dave"]).await;
    let group = alice.group("g", &[&bob, &carol, &dave]).await;
    let remove = async |by: &User, whom: &str| by.delete(&format!("{}/{whom}", members(&group))).await;
    alice.patch(&format!("{}/bob", members(&group)), &json!({"role": "moderator"})).await.ok();
    remove(&carol, "dave").await.refused(403, "FORBIDDEN");
    remove(&bob, "alice").await.refused(403, "FORBIDDEN");
    assert_eq!(remove(&bob, "carol").await.ok()["success"], true);
    carol.get(&ch(&group)).await.refused(403, "FORBIDDEN");
    carol.send_body(&group, &json!({"text": "x"})).await.refused(403, "FORBIDDEN");
    assert_eq!(remove(&dave, "me").await.ok()["success"], true);
    assert_eq!(remove(&bob, "bob").await.ok()["success"], true);
    assert_eq!(alice.get(&ch(&group)).await.ok()["memberCount"], 1);
}

#[tokio::test]
async fn removing_twice_succeeds_twice() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    for _ in 0..2 {
        alice.delete(&format!("{}/bob", members(&group))).await.ok();
    }
    assert_eq!(alice.get(&ch(&group)).await.ok()["memberCount"], 1);
}

#[tokio::test]
async fn the_last_owner_hands_over_and_the_last_member_closes_the_door() {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let group = alice.group("g", &[&bob, &carol]).await;
    alice.patch(&format!("{}/carol", members(&group)), &json!({"role": "admin"})).await.ok();
    alice.delete(&format!("{}/me", members(&group))).await.ok();
    assert_eq!(carol.get(&ch(&group)).await.ok()["role"], "owner");
    carol.delete(&format!("{}/me", members(&group))).await.ok();
    assert_eq!(bob.get(&ch(&group)).await.ok()["role"], "owner");
    bob.delete(&format!("{}/me", members(&group))).await.ok();
    for user in [&alice, &bob, &carol] {
        assert_eq!(user.get("/api/channels").await.ok()["channels"], json!([]));
    }
}

#[tokio::test]
async fn members_of_a_direct_channel_are_fixed() {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let direct = alice.direct(&bob).await;
    alice.post(&members(&direct), &json!({"userId": "carol"})).await.refused(403, "FORBIDDEN");
    alice.delete(&format!("{}/bob", members(&direct))).await.refused(403, "FORBIDDEN");
    carol.get(&ch(&direct)).await.refused(403, "FORBIDDEN");
}
