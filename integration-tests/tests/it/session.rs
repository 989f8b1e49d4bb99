//! chatsdk.md §5.1: session and realtime.

use crate::prelude::*;

#[tokio::test]
async fn connect_opens_a_short_session() {
    let server = Harness::start().await;
    let body = json!({
        "userId": "alice", "displayName": "Alice", "avatar": "https://example.com/a.png",
        "email": "a@example.com", "metadata": {"team": "red"},
    });
    let answer = server.server_key().post("/api/auth/connect", &body).await.ok();
    let user = &answer["user"];
    assert_eq!((&user["id"], &user["displayName"]), (&json!("alice"), &json!("Alice")));
    assert_eq!(
        (&user["avatar"], &user["metadata"]["team"]),
        (&json!("https://example.com/a.png"), &json!("red"))
    );
    assert_eq!(answer["expiresIn"], 900);
    let access = claims(answer["token"].as_str().unwrap());
    assert_eq!(access["exp"].as_i64().unwrap() - access["iat"].as_i64().unwrap(), 900);
    assert!(answer["refreshToken"].is_string());
    let realtime = claims(answer["_internal"]["wsToken"].as_str().unwrap());
    assert_eq!(realtime["sub"], format!("{DEV_APP}:alice"));
}

#[tokio::test]
async fn connect_names_what_is_wrong_with_the_key() {
    let server = Harness::start().await;
    let body = json!({"userId": "alice"});
    server.anonymous().post("/api/auth/connect", &body).await.refused(401, "MISSING_API_KEY");
    let wrong = server.anonymous().with_key("wrong");
    wrong.post("/api/auth/connect", &body).await.refused(401, "INVALID_API_KEY");
    server.server_key().post("/api/auth/connect", &json!({})).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn refresh_takes_the_token_as_bearer_or_in_the_body_and_rotates_it() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let by_body = json!({"refreshToken": alice.refresh_token});
    let first = server.server_key().post("/api/auth/refresh", &by_body).await.ok();
    assert_eq!(first["expiresIn"], 900);
    assert_ne!(first["refreshToken"], alice.refresh_token);
    assert_eq!(first["wsToken"], first["_internal"]["wsToken"]);
    let token = first["token"].as_str().unwrap();
    assert_eq!(server.server_key().with_token(token).get("/api/users/me").await.ok()["id"], "alice");

    let next = first["refreshToken"].as_str().unwrap();
    let second = server.server_key().with_token(next).post_empty("/tokens/refresh").await.ok();
    assert_ne!(second["refreshToken"], first["refreshToken"]);
    let token = second["token"].as_str().unwrap();
    server.server_key().with_token(token).get("/api/channels").await.ok();
}

#[tokio::test]
async fn parallel_tabs_may_use_one_refresh_token_at_the_same_time() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let body = json!({"refreshToken": alice.refresh_token});
    let rest = server.server_key();
    let tabs = (0..5).map(|_| rest.post("/api/auth/refresh", &body));
    for answer in futures_util::future::join_all(tabs).await {
        let token = answer.ok()["token"].as_str().unwrap().to_owned();
        server.server_key().with_token(&token).get("/api/channels").await.ok();
    }
}

#[tokio::test]
async fn refresh_names_what_is_wrong_with_the_token() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let rest = server.server_key();
    rest.post("/api/auth/refresh", &json!({})).await.refused(401, "MISSING_REFRESH_TOKEN");
    rest.post_empty("/api/auth/refresh").await.refused(401, "MISSING_REFRESH_TOKEN");
    for wrong in ["garbage", alice.token.as_str(), alice.ws_token.as_str()] {
        let body = json!({"refreshToken": wrong});
        rest.post("/api/auth/refresh", &body).await.refused(401, "INVALID_REFRESH_TOKEN");
    }
}

#[tokio::test]
async fn subscription_tokens_name_one_channel_that_the_user_may_follow() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[]).await;
    for channel in [alice.chat(&group), alice.stream()] {
        let body = json!({"channel": channel});
        let answer = alice.post("/api/realtime/subscription-token", &body).await.ok();
        assert_eq!(answer["expiresIn"], 900);
        let claims = claims(answer["token"].as_str().unwrap());
        assert_eq!(claims["channel"], channel);
        assert_eq!((&claims["user_id"], &claims["app_id"]), (&json!("alice"), &json!(DEV_APP)));
        assert!(claims["sub"].is_string() && claims["exp"].is_i64());
    }
    let ask = async |user: &User, channel: String| {
        user.post("/api/realtime/subscription-token", &json!({"channel": channel})).await
    };
    ask(&bob, bob.chat(&group)).await.refused(403, "FORBIDDEN");
    ask(&bob, alice.stream()).await.refused(403, "FORBIDDEN");
    ask(&alice, format!("chat:{NOBODY}:{group}")).await.refused(403, "FORBIDDEN");
    ask(&alice, format!("user:{NOBODY}:alice")).await.refused(403, "FORBIDDEN");
    ask(&alice, format!("app:{DEV_APP}")).await.refused(403, "FORBIDDEN");
    ask(&alice, alice.chat(NOBODY)).await.refused(404, "NOT_FOUND");
    for malformed in ["", "chat", "nonsense", &"x".repeat(256)] {
        ask(&alice, malformed.to_owned()).await.refused(400, "VALIDATION_ERROR");
    }
    alice.post("/api/realtime/subscription-token", &json!({})).await.refused(400, "VALIDATION_ERROR");
}
