//! chatsdk.md §4.1 and §1.1: tokens.

use crate::prelude::*;

#[tokio::test]
async fn tokens_answer_both_tokens_the_user_and_a_day() {
    let server = Harness::start().await;
    let body = json!({
        "userId": "user-123", "name": "Alice Johnson", "email": "alice@example.com",
        "image": "https://example.com/avatar.jpg", "custom": {"role": "admin"},
    });
    let answer = server.server_key().post("/tokens", &body).await.ok();
    assert_eq!(answer["expiresIn"], 86400);
    assert_eq!(
        answer["user"],
        json!({"id": "user-123", "name": "Alice Johnson", "email": "alice@example.com",
               "image": "https://example.com/avatar.jpg"})
    );
    assert!(answer["refreshToken"].is_string());
    let access = claims(answer["token"].as_str().unwrap());
    assert_eq!((&access["user_id"], &access["app_id"]), (&json!("user-123"), &json!(DEV_APP)));
    assert_eq!(access["exp"].as_i64().unwrap() - access["iat"].as_i64().unwrap(), 86400);
    let realtime = claims(answer["wsToken"].as_str().unwrap());
    assert_eq!(realtime["sub"], format!("{DEV_APP}:user-123"));
    assert_eq!((&realtime["user_id"], &realtime["app_id"]), (&json!("user-123"), &json!(DEV_APP)));
    assert_eq!(realtime["exp"], access["exp"]);
    assert!(realtime.get("channel").is_none());
}

#[tokio::test]
async fn a_user_without_a_name_is_called_by_the_id() {
    let server = Harness::start().await;
    let answer = server.server_key().post("/tokens", &json!({"userId": "bare"})).await.ok();
    assert_eq!(answer["user"], json!({"id": "bare", "name": "bare", "email": null, "image": null}));
}

#[tokio::test]
async fn a_second_token_request_updates_given_fields_merges_custom_and_keeps_the_rest() {
    let server = Harness::start().await;
    let first = json!({"userId": "u", "name": "One", "email": "u@example.com", "custom": {"a": 1, "b": 2}});
    server.server_key().post("/tokens", &first).await.ok();
    let second = json!({"userId": "u", "image": "https://example.com/u.png", "custom": {"b": 3}});
    let answer = server.server_key().post("/tokens", &second).await.ok();
    assert_eq!(answer["user"]["name"], "One");
    assert_eq!(answer["user"]["email"], "u@example.com");
    assert_eq!(answer["user"]["image"], "https://example.com/u.png");
    let user = User::from_tokens(&server.server_key(), DEV_APP, &answer);
    let me = user.get("/api/users/me").await.ok();
    assert_eq!((&me["custom"]["a"], &me["custom"]["b"]), (&json!(1), &json!(3)));
}

#[tokio::test]
async fn token_requests_with_wrong_fields_are_refused() {
    let server = Harness::start().await;
    let long = "x".repeat(256);
    for body in [
        json!({}),
        json!({"userId": ""}),
        json!({"userId": long}),
        json!({"userId": 7}),
        json!({"userId": null}),
        json!({"userId": "u", "name": 7}),
        json!({"userId": "u", "email": "nowhere"}),
        json!({"userId": "u", "image": "not a url"}),
        json!({"userId": "u", "custom": "text"}),
        json!({"userId": "u", "custom": [1]}),
    ] {
        let error = server.server_key().post("/tokens", &body).await.refused(400, "VALIDATION_ERROR");
        assert!(error["details"].is_array(), "{body}: {error}");
    }
    let longest = "x".repeat(255);
    server.server_key().post("/tokens", &json!({"userId": longest})).await.ok();
}

#[tokio::test]
async fn tokens_need_a_valid_key() {
    let server = Harness::start().await;
    let body = json!({"userId": "u"});
    server.anonymous().post("/tokens", &body).await.refused(401, "UNAUTHORIZED");
    server.anonymous().with_key("wrong").post("/tokens", &body).await.refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_token_that_a_backend_signed_itself_is_accepted() {
    let server = Harness::start().await;
    server.user("alice").await;
    let own = json!({"user_id": "alice", "app_id": DEV_APP, "exp": now_s() + 60});
    let rest = server.server_key().with_token(&sign(&own, DEV_SECRET));
    assert_eq!(rest.get("/api/users/me").await.ok()["id"], "alice");
}

#[tokio::test]
async fn expired_tampered_unsigned_and_foreign_tokens_are_refused() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let good = json!({"user_id": "alice", "app_id": DEV_APP, "exp": now_s() + 60});
    let mut tampered = alice.token.clone();
    let last = tampered.pop().unwrap();
    tampered.pop();
    tampered.extend([if last == 'A' { 'B' } else { 'A' }, last]);
    let unsigned = {
        use base64::Engine;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.", encode(r#"{"alg":"none","typ":"JWT"}"#), encode(&good.to_string()))
    };
    let without = |claim: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(claim);
        sign(&claims, DEV_SECRET)
    };
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        sign(&claims, DEV_SECRET)
    };
    for (what, token) in [
        ("another secret", sign(&good, "another secret")),
        ("tampered", tampered),
        ("unsigned", unsigned),
        ("expired", with("exp", json!(now_s() - 31))),
        ("no expiry", without("exp")),
        ("no user", without("user_id")),
        ("no app", without("app_id")),
        ("unknown user", with("user_id", json!("nobody"))),
        ("unknown app", with("app_id", json!(NOBODY))),
        ("realtime token", alice.ws_token.clone()),
        ("refresh token", alice.refresh_token.clone()),
        ("no token at all", "garbage".to_owned()),
    ] {
        let answer = server.server_key().with_token(&token).get("/api/channels").await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        answer.refused(401, "INVALID_TOKEN");
    }
    // Clocks may differ by 30 s.
    let skewed = with("exp", json!(now_s() - 10));
    server.server_key().with_token(&skewed).get("/api/channels").await.ok();
}
