//! chatsdk.md §4.7 and §5.2: invites to workspaces, by link and by e-mail.

use crate::prelude::*;
use crate::workspaces::{workspace, ws};

fn accept(token: &str) -> String {
    format!("/api/workspaces/invites/{token}")
}

fn token_of(url: &Value) -> String {
    url.as_str().and_then(|url| url.rsplit_once("/invite/")).expect("an invite URL").1.to_owned()
}

#[tokio::test]
async fn a_link_makes_people_members_by_either_endpoint() {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let workspace = workspace(&alice, "Open House", &[]).await;
    let listener = Realtime::follow(&server, &alice, &[]).await;
    let made = alice.post_empty(&format!("{}/invite", ws(&workspace))).await.ok();
    let token = made["token"].as_str().expect("a token").to_owned();
    assert!(token.len() == 64 && token.chars().all(|c| c.is_ascii_hexdigit()));
    let url = made["inviteUrl"].as_str().unwrap();
    assert!(url.starts_with("http://") && url.ends_with(&format!("/invite/{token}")), "{url}");
    assert!(made["expiresAt"].is_string());

    let joined = bob.get(&accept(&token)).await.ok();
    let card = json!({"id": workspace, "name": "Open House", "type": "team", "image": null});
    assert_eq!(joined, json!({"success": true, "workspace": card}));
    let event = listener.event(&alice.stream(), "workspace.member_joined").await;
    assert_eq!((&event["workspaceId"], &event["userId"]), (&json!(workspace), &json!("bob")));
    let joined = carol.post_empty(&format!("{}/accept", accept(&token))).await.ok();
    assert_eq!((&joined["success"], &joined["workspace"]), (&json!(true), &card));
    let again = carol.post_empty(&format!("{}/accept", accept(&token))).await.ok();
    assert_eq!((&again["success"], &again["alreadyMember"]), (&json!(true), &json!(true)));
    assert!(again["message"].is_string());
    assert_eq!(carol.get(&ws(&workspace)).await.ok()["memberCount"], 3);
    carol.get(&accept("nonsense")).await.refused(404, "NOT_FOUND");
    carol.post_empty(&accept(&token)).await.refused(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn of_twenty_who_come_at_once_as_many_get_in_as_the_link_says() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let workspace = workspace(&alice, "Crowded", &[]).await;
    let made = alice.post(&format!("{}/invite", ws(&workspace)), &json!({"maxUses": 3})).await.ok();
    let path = format!("{}/accept", accept(made["token"].as_str().unwrap()));
    let mut guests = Vec::new();
    for number in 0..20 {
        guests.push(server.user(&format!("guest-{number}")).await);
    }
    let answers = futures_util::future::join_all(guests.iter().map(|guest| guest.post_empty(&path))).await;
    let (inside, outside): (Vec<_>, Vec<_>) = answers.into_iter().partition(Answer::is_success);
    assert_eq!(inside.len(), 3);
    for refused in outside {
        refused.refused(400, "VALIDATION_ERROR");
    }
    assert_eq!(alice.get(&ws(&workspace)).await.ok()["memberCount"], 4);
}

#[tokio::test]
async fn an_invite_by_e_mail_is_for_its_address_alone() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let bob = server.user_with(json!({"userId": "bob", "email": "Bob@example.org"})).await;
    let eve = server.user_with(json!({"userId": "eve", "email": "eve@example.org"})).await;
    let workspace = workspace(&alice, "Private", &[]).await;
    let path = format!("{}/invite", ws(&workspace));
    let body =
        json!({"emails": ["bob@example.org", "carol@example.org"], "role": "admin", "message": "Come!"});
    let made = alice.post(&path, &body).await.ok();
    assert_eq!(made["success"], true);
    assert_eq!(texts(&made["invites"], "email"), ["bob@example.org", "carol@example.org"]);
    let token = token_of(&made["invites"][0]["inviteUrl"]);
    eve.get(&accept(&token)).await.refused(403, "FORBIDDEN");
    bob.get(&accept(&token)).await.ok();
    assert_eq!(bob.get(&ws(&workspace)).await.ok()["role"], "admin");
    alice.delete(&format!("{}/members/bob", ws(&workspace))).await.ok();
    bob.get(&accept(&token)).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn invites_with_wrong_fields_or_by_the_wrong_people_are_refused() {
    let server = Harness::start().await;
    let [alice, bob, eve] = server.users(["alice", "bob", "eve"]).await;
    let workspace = workspace(&alice, "W", &[&bob]).await;
    let path = format!("{}/invite", ws(&workspace));
    let many: Vec<String> = (0..51).map(|number| format!("u{number}@example.org")).collect();
    for body in [
        json!({"maxUses": 0}),
        json!({"maxUses": 1001}),
        json!({"maxUses": -1}),
        json!({"maxUses": "1"}),
        json!({"expiresInDays": 0}),
        json!({"expiresInDays": 31}),
        json!({"role": "king"}),
        json!({"emails": []}),
        json!({"emails": ["nobody"]}),
        json!({"emails": many}),
        json!({"emails": ["a@example.org"], "message": "x".repeat(501)}),
    ] {
        alice.post(&path, &body).await.refused(400, "VALIDATION_ERROR");
    }
    alice.post(&path, &json!({"maxUses": null, "expiresInDays": 30, "role": "member"})).await.ok();
    bob.post_empty(&path).await.refused(403, "FORBIDDEN");
    eve.post_empty(&path).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn invites_lead_to_the_app_that_is_set() {
    let options = Options::new().with("dialects.chatsdk.app_url", "https://chat.example.org");
    let server = Harness::start_with(options).await;
    let alice = server.user("alice").await;
    let workspace = workspace(&alice, "W", &[]).await;
    let made = alice.post_empty(&format!("{}/invite", ws(&workspace))).await.ok();
    let expected = format!("https://chat.example.org/invite/{}", made["token"].as_str().unwrap());
    assert_eq!(made["inviteUrl"], expected);
}
