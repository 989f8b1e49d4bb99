//! chatsdk.md §4.4: reactions.

use crate::prelude::*;

async fn scene() -> (Harness, [User; 2], String, String) {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let message = id(&alice.send(&group, "react").await);
    (server, [alice, bob], group, message)
}

fn reactions(channel: &str, message: &str) -> String {
    format!("{}/reactions", msg(channel, message))
}

async fn shown(user: &User, channel: &str, message: &str) -> Value {
    user.get(&msg(channel, message)).await.ok()["reactions"].clone()
}

#[tokio::test]
async fn reactions_are_grouped_counted_and_marked_as_own() {
    let (_server, [alice, bob], group, message) = scene().await;
    let path = reactions(&group, &message);
    for (user, emoji) in [(&alice, "👍"), (&bob, "👍"), (&bob, "❤️")] {
        assert_eq!(user.post(&path, &json!({"emoji": emoji})).await.ok(), json!({"success": true}));
    }
    let groups = shown(&alice, &group, &message).await;
    assert_eq!(texts(&groups, "type"), ["👍", "❤️"], "by first use");
    assert_eq!(each(&groups, "count"), [json!(2), json!(1)]);
    assert_eq!(each(&groups, "own"), [json!(true), json!(false)]);
    assert_eq!(texts(&groups[0]["users"], "id"), ["alice", "bob"], "newest last");
    let detail = alice.get(&msg(&group, &message)).await.ok();
    assert_eq!(detail["reactionCount"], 3);
    assert_eq!(detail["updatedAt"], detail["createdAt"], "reactions do not touch it");
}

#[tokio::test]
async fn repeating_a_reaction_changes_nothing_and_only_the_own_is_removed() {
    let (_server, [alice, bob], group, message) = scene().await;
    let path = reactions(&group, &message);
    for _ in 0..2 {
        alice.post(&path, &json!({"emoji": "👍"})).await.ok();
    }
    bob.delete(&format!("{path}/👍")).await.ok();
    assert_eq!(shown(&alice, &group, &message).await[0]["count"], 1);
    for _ in 0..2 {
        assert_eq!(alice.delete(&format!("{path}/%F0%9F%91%8D")).await.ok(), json!({"success": true}));
    }
    assert_eq!(shown(&alice, &group, &message).await, json!([]));
}

#[tokio::test]
async fn any_emoji_and_any_code_will_do() {
    let (_server, [alice, _], group, message) = scene().await;
    let path = reactions(&group, &message);
    for emoji in ["❤️", "👨‍👩‍👧‍👦", "🏳️‍🌈", ":thumbs_up:", "1️⃣", "+1", "a/b", "?", "%", "é"]
    {
        alice.post(&path, &json!({"emoji": emoji})).await.ok();
        assert_eq!(texts(&shown(&alice, &group, &message).await, "type"), [emoji]);
        let encoded: String = emoji.bytes().map(|byte| format!("%{byte:02X}")).collect();
        alice.delete(&format!("{path}/{encoded}")).await.ok();
        assert_eq!(shown(&alice, &group, &message).await, json!([]), "{emoji}");
    }
}

#[tokio::test]
async fn reactions_with_wrong_fields_or_too_many_are_refused() {
    let (_server, [alice, _], group, message) = scene().await;
    let path = reactions(&group, &message);
    for body in [json!({}), json!({"emoji": ""}), json!({"emoji": "x".repeat(51)}), json!({"emoji": 1})] {
        alice.post(&path, &body).await.refused(400, "VALIDATION_ERROR");
    }
    alice.post(&path, &json!({"emoji": "x".repeat(50)})).await.ok();
    for number in 1..20 {
        alice.post(&path, &json!({"emoji": format!(":e{number}:")})).await.ok();
    }
    alice.post(&path, &json!({"emoji": ":one_more:"})).await.refused(400, "VALIDATION_ERROR");
    alice.post(&reactions(&group, NOBODY), &json!({"emoji": "x"})).await.refused(404, "NOT_FOUND");
    alice.delete(&msg(&group, &message)).await.ok();
    alice.post(&path, &json!({"emoji": "x"})).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn at_most_five_users_are_named_and_all_are_counted() {
    let server = Harness::start().await;
    let owner = server.user("owner").await;
    let open = owner.channel("public", "open", &[]).await;
    let message = id(&owner.send(&open, "react").await);
    for number in 1..=7 {
        let user = server.user(&format!("u{number}")).await;
        user.post(&format!("{}/members", ch(&open)), &json!({"userId": user.id})).await.ok();
        user.post(&reactions(&open, &message), &json!({"emoji": "x"})).await.ok();
    }
    let groups = shown(&owner, &open, &message).await;
    assert_eq!((&groups[0]["count"], &groups[0]["own"]), (&json!(7), &json!(false)));
    assert_eq!(texts(&groups[0]["users"], "id"), ["u3", "u4", "u5", "u6", "u7"]);
}
