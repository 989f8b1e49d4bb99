//! chatsdk.md §3.5 and §5.2: a block between two users.

use crate::prelude::*;

fn block(user: &str) -> String {
    format!("/api/users/{user}/block")
}

#[tokio::test]
async fn after_a_block_neither_writes_to_the_other_until_it_is_taken_back() {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let direct = alice.direct(&bob).await;
    let group = alice.group("g", &[&bob]).await;
    let before = id(&bob.send(&direct, "before").await);
    alice.send(&direct, "an answer").await;
    for _ in 0..2 {
        assert_eq!(alice.post_empty(&block("bob")).await.ok()["success"], true);
    }
    for user in [&alice, &bob] {
        user.send_body(&direct, &json!({"text": "no"})).await.refused(403, "FORBIDDEN");
        let reactions = format!("{}/reactions", msg(&direct, &before));
        user.post(&reactions, &json!({"emoji": "👍"})).await.refused(403, "FORBIDDEN");
        assert_eq!(user.texts(&direct).await, ["before", "an answer"], "what was said can be read");
    }
    bob.send(&group, "elsewhere they talk").await;
    assert_eq!(bob.direct(&alice).await, direct, "the channel that they have is still there");
    alice.delete(&block("bob")).await.ok();
    alice.delete(&block("bob")).await.ok();
    bob.send(&direct, "again").await;

    carol.post_empty(&block("alice")).await.ok();
    for (user, other) in [(&alice, "carol"), (&carol, "alice")] {
        let body = json!({"type": "messaging", "memberIds": [other]});
        user.post("/api/channels", &body).await.refused(403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn typing_is_refused_between_two_of_whom_one_has_blocked_the_other() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let direct = alice.direct(&bob).await;
    alice.post_empty(&block("bob")).await.ok();
    for user in [&alice, &bob] {
        user.post_empty(&format!("{}/typing", ch(&direct))).await.refused(403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn after_a_block_neither_sees_whether_the_other_is_there() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    for user in [&alice, &bob] {
        user.post_empty("/api/presence/online").await.ok();
    }
    let sees = async |user: &User, other: &str| {
        let one = user.get(&format!("/api/users/{other}")).await.ok()["online"] == true;
        let list = user.get("/api/users").await.ok();
        let listed = find(&list["users"], "id", other)["online"] == true;
        let asked = user.post("/api/presence/query", &json!({"userIds": [other]})).await.ok();
        let here = user.get(&format!("{}/presence", ch(&group))).await.ok();
        let here = texts(&here["online"], "id").contains(&other.to_owned());
        (one, listed, asked["presence"].get(other).is_some(), here)
    };
    eventually("both are there", || async {
        match (sees(&alice, "bob").await, sees(&bob, "alice").await) {
            ((true, true, true, true), (true, true, true, true)) => Ok(()),
            other => Err(other),
        }
    })
    .await;
    alice.post_empty(&block("bob")).await.ok();
    assert_eq!(sees(&alice, "bob").await, (false, false, false, false));
    assert_eq!(sees(&bob, "alice").await, (false, false, false, false));
    assert_eq!(bob.get("/api/users/alice").await.ok()["lastActiveAt"], Value::Null);
    for path in [ch(&group), format!("{}/members", ch(&group))] {
        let members = bob.get(&path).await.ok()["members"].clone();
        assert_eq!(find(&members, "userId", "alice")["user"]["lastActiveAt"], Value::Null, "{path}");
    }
    alice.delete(&block("bob")).await.ok();
    assert_eq!(sees(&bob, "alice").await, (true, true, true, true));
}

#[tokio::test]
async fn one_s_blocks_are_listed_for_oneself_and_nobody_blocks_himself() {
    let server = Harness::start().await;
    let [alice, bob, _carol] = server.users(["alice", "bob", "carol"]).await;
    alice.post_empty(&block("bob")).await.ok();
    alice.post_empty(&block("carol")).await.ok();
    let listed = alice.get("/api/users/me/blocked").await.ok();
    let mut ids = texts(&listed["blocked"], "id");
    ids.sort();
    assert_eq!(ids, ["bob", "carol"]);
    has(&listed["blocked"][0], &["id", "userId", "name", "image", "blockedAt"]);
    assert_eq!(bob.get("/api/users/me/blocked").await.ok()["blocked"], json!([]));
    alice.post_empty(&block("alice")).await.refused(400, "VALIDATION_ERROR");
    alice.post_empty(&block("me")).await.refused(400, "VALIDATION_ERROR");
    alice.delete(&block("me")).await.refused(400, "VALIDATION_ERROR");
    alice.post_empty(&block("nobody")).await.refused(404, "NOT_FOUND");
    alice.delete(&block("nobody")).await.refused(404, "NOT_FOUND");
    server.server_key().delete("/api/users/bob").await.ok();
    assert_eq!(texts(&alice.get("/api/users/me/blocked").await.ok()["blocked"], "id"), ["carol"]);
}
