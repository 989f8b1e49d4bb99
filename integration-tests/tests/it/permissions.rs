//! chatsdk.md §3.5: who may do what.

use crate::prelude::*;

#[tokio::test]
async fn strangers_see_and_do_nothing_in_closed_channels() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    for kind in ["group", "private", "livestream"] {
        let closed = alice.channel(kind, "closed", &[]).await;
        let message = id(&alice.send(&closed, "secret").await);
        for (method, path, body) in crate::authorization::user_endpoints(&closed, &message, "alice") {
            if !path.contains(&closed) && !path.contains(&message) {
                continue;
            }
            let answer = bob.request(method.clone(), &path, body.as_ref()).await;
            // A non-member learns from DELETE only that there is nothing of his; a message alone does not tell its channel.
            let hidden =
                (method == Method::DELETE && path == ch(&closed)) || path.starts_with("/api/messages/");
            let expected: &[u16] = if hidden { &[403, 404] } else { &[403] };
            assert!(expected.contains(&answer.status), "{kind} {method} {path}: {}", answer.text);
            assert!(!answer.text.contains("secret"));
        }
    }
}

#[tokio::test]
async fn public_and_team_channels_are_read_by_all_and_joined_by_the_first_message() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    for kind in ["public", "team"] {
        let open = alice.channel(kind, kind, &[]).await;
        let message = id(&alice.send(&open, "welcome").await);
        assert_eq!(bob.texts(&open).await, ["welcome"]);
        bob.get(&format!("{}/pins", ch(&open))).await.ok();
        bob.get(&format!("{}/receipts/messages/{message}/receipts", ch(&open))).await.ok();
        bob.get(&msg(&open, &message)).await.ok();
        assert_eq!(bob.get(&ch(&open)).await.ok()["memberCount"], 1, "reading does not join");
        bob.send(&open, "hello").await;
        let detail = bob.get(&ch(&open)).await.ok();
        assert_eq!((&detail["role"], &detail["memberCount"]), (&json!("member"), &json!(2)));
    }
}

#[tokio::test]
async fn in_a_livestream_moderators_speak_and_others_listen() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let live = alice.channel("livestream", "live", &[&bob]).await;
    alice.send(&live, "on air").await;
    assert_eq!(bob.texts(&live).await, ["on air"]);
    bob.send_body(&live, &json!({"text": "hi"})).await.refused(403, "FORBIDDEN");
    let role = json!({"role": "moderator"});
    alice.patch(&format!("{}/members/bob", ch(&live)), &role).await.ok();
    bob.send(&live, "hi").await;

    let body =
        json!({"type": "livestream", "name": "open", "memberIds": ["bob"], "config": {"replies": true}});
    let open = id(&alice.post("/api/channels", &body).await.created());
    bob.send(&open, "everybody speaks").await;
}

#[tokio::test]
async fn a_right_that_was_taken_is_gone_at_once() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    for round in 0..20 {
        bob.send(&group, &format!("in {round}")).await;
        alice.delete(&format!("{}/members/bob", ch(&group))).await.ok();
        bob.send_body(&group, &json!({"text": "out"})).await.refused(403, "FORBIDDEN");
        bob.get(&format!("{}/messages", ch(&group))).await.refused(403, "FORBIDDEN");
        alice.post(&format!("{}/members", ch(&group)), &json!({"userId": "bob"})).await.ok();
    }
}

#[tokio::test]
async fn custom_data_and_the_own_profile_grant_nothing() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let body = json!({"userId": "eve", "custom": {"role": "owner", "admin": true}});
    let eve = server.user_with(body).await;
    let group = alice.group("g", &[&eve]).await;
    eve.patch("/api/users/me", &json!({"custom": {"role": "admin"}, "role": "admin"})).await;
    eve.patch(&ch(&group), &json!({"name": "taken"})).await.refused(403, "FORBIDDEN");
    eve.delete(&ch(&group)).await.refused(403, "FORBIDDEN");
    eve.delete(&format!("{}/members/alice", ch(&group))).await.refused(403, "FORBIDDEN");
}
