use std::time::Duration;

use base64::Engine as _;
use parlance_core::{Caller, Reason};
use parlance_proto::auth::*;
use parlance_rpc::Context;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{App, START, TTL_S, auth, reason, service};

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap())
        .unwrap()
}

fn keys_of(claims: &Value) -> Vec<&str> {
    claims.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn issued_tokens_hold_the_documented_claims_and_verify() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "google:anna").await;
    let tokens = auth.issue(&app, &user).await;
    assert_eq!(tokens.expires_in_s, TTL_S);
    assert_eq!(tokens.user.unwrap(), user);

    let access = claims(&tokens.access_token);
    assert_eq!(keys_of(&access), ["app_id", "exp", "iat", "jti", "sid", "type", "user_id"]);
    assert_eq!(access["type"], "access");
    assert_eq!(access["user_id"], "google:anna");
    assert_eq!(access["exp"], START.secs() + i64::from(TTL_S));
    let connection = claims(&tokens.connection_token);
    assert_eq!(keys_of(&connection), ["app_id", "exp", "iat", "sid", "sub", "user_id"]);
    assert_eq!(connection["sub"], format!("{}:google:anna", app.id));
    assert_eq!(connection["sid"], access["sid"]);

    for (kind, token) in
        [(TokenKind::Access, &tokens.access_token), (TokenKind::Connection, &tokens.connection_token)]
    {
        let verified = auth.verify(kind, token).await.unwrap();
        assert_eq!(verified.app_id, app.id.to_string());
        assert_eq!((verified.user_num, verified.user_id.as_str()), (user.num, "google:anna"));
        assert_eq!(verified.session_id, access["sid"]);
        assert_eq!(verified.issued_at, Some(START.timestamp()));
        assert_eq!(verified.expires_at, Some((START + Duration::from_secs(TTL_S.into())).timestamp()));
    }
}

#[tokio::test]
async fn a_token_is_verified_with_one_statement() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "u").await;
    let tokens = auth.issue(&app, &user).await;
    let minted = app.mint(json!({"user_id": "u", "app_id": app.id, "exp": START.secs() + 9}));
    for token in [&tokens.access_token, &minted] {
        let before = auth.store.statements();
        auth.verify(TokenKind::Access, token).await.unwrap();
        assert_eq!(auth.store.statements() - before, 1);
    }
}

#[tokio::test]
async fn a_subscription_token_is_for_the_calling_user_and_one_channel() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "u").await;
    let request = |channel: &str| IssueSubscriptionTokenRequest { channel: channel.into(), ttl_s: 60 };
    let issued = auth
        .client()
        .issue_subscription_token(app.user(user.num, request("chat:a:b")))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(issued.expires_in_s, 60);
    assert_eq!(keys_of(&claims(&issued.token)), ["app_id", "channel", "exp", "iat", "sub", "user_id"]);
    let verified = auth.verify(TokenKind::Subscription, &issued.token).await.unwrap();
    assert_eq!((verified.user_num, verified.channel.as_str()), (user.num, "chat:a:b"));
    assert_eq!(auth.verify(TokenKind::Connection, &issued.token).await, Err(Reason::TokenInvalid));

    let mut client = auth.client();
    for channel in ["", "a\nb", &"x".repeat(256)] {
        let refused = client.issue_subscription_token(app.user(user.num, request(channel)));
        assert_eq!(reason(refused).await, Reason::InvalidArgument);
    }
    let nobody = client.issue_subscription_token(app.backend(request("chat:a")));
    assert_eq!(reason(nobody).await, Reason::UserRequired);
    let stranger = client.issue_subscription_token(app.user(user.num + 1, request("chat:a")));
    assert_eq!(reason(stranger).await, Reason::UserNotFound);
}

#[tokio::test]
async fn one_kind_of_token_is_refused_as_another() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "u").await;
    let tokens = auth.issue(&app, &user).await;
    for (kind, token) in [
        (TokenKind::Access, &tokens.connection_token),
        (TokenKind::Access, &tokens.refresh_token),
        (TokenKind::Connection, &tokens.access_token),
        (TokenKind::Subscription, &tokens.access_token),
        (TokenKind::Subscription, &tokens.connection_token),
    ] {
        assert_eq!(auth.verify(kind, token).await, Err(Reason::TokenInvalid), "{kind:?}");
    }
    let unsaid = auth.verify(TokenKind::Unspecified, &tokens.access_token).await;
    assert_eq!(unsaid, Err(Reason::InvalidArgument));
}

#[tokio::test]
async fn a_backend_may_sign_tokens_for_users_that_exist() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "u").await;
    let exp = START.secs() + 60;
    let verify = async |claims: Value| auth.verify(TokenKind::Access, &app.mint(claims)).await;
    let good = verify(json!({"user_id": "u", "app_id": app.id, "exp": exp})).await.unwrap();
    assert_eq!((good.user_num, good.session_id.as_str(), good.issued_at), (user.num, "", None));
    assert!(verify(json!({"user_id": "u", "app_id": app.id, "exp": exp, "type": "access"})).await.is_ok());

    for claims in [
        json!({"user_id": "nobody", "app_id": app.id, "exp": exp}),
        json!({"user_id": "u", "app_id": app.id}),
        json!({"user_id": "u", "exp": exp}),
        json!({"user_id": "u", "app_id": Uuid::nil(), "exp": exp}),
        json!({"user_id": "u", "app_id": Uuid::new_v4(), "exp": exp}),
        json!({"user_id": "u", "app_id": "x", "exp": exp}),
        json!({"user_id": "u", "app_id": 7, "exp": exp}),
        json!({"user_id": 7, "app_id": app.id, "exp": exp}),
        json!({"user_id": "u", "app_id": app.id, "exp": "soon"}),
        json!({"user_id": "u", "app_id": app.id, "exp": exp, "type": "refresh"}),
        json!({"user_id": "u\u{0}", "app_id": app.id, "exp": exp}),
    ] {
        assert_eq!(verify(claims.clone()).await, Err(Reason::TokenInvalid), "{claims}");
    }
    // A session that never was, or is not kept any more, has ended.
    let unknown_session = json!({"user_id": "u", "app_id": app.id, "exp": exp, "sid": Uuid::new_v4()});
    assert_eq!(verify(unknown_session).await, Err(Reason::TokenRevoked));
}

#[tokio::test]
async fn a_session_does_not_stand_for_another_user() {
    let auth = auth().await;
    let app = auth.app().await;
    let (anna, _) = (auth.user(&app, "anna").await, auth.user(&app, "ben").await);
    let sid = claims(&auth.issue(&app, &anna).await.access_token)["sid"].clone();
    let token = app.mint(json!({
        "user_id": "ben", "app_id": app.id, "exp": START.secs() + 60, "sid": sid,
    }));
    assert_eq!(auth.verify(TokenKind::Access, &token).await, Err(Reason::TokenInvalid));
}

#[tokio::test]
async fn foreign_and_broken_texts_are_invalid() {
    let auth = auth().await;
    let (app, other) = (auth.app().await, auth.app().await);
    let user = auth.user(&app, "u").await;
    let token = auth.issue(&app, &user).await.access_token;
    let parts: Vec<&str> = token.split('.').collect();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let foreign = App { secret: other.secret.clone(), api_key: String::new(), id: app.id }
        .mint(json!({"user_id": "u", "app_id": app.id, "exp": START.secs() + 60}));
    for text in [
        String::new(),
        "x".into(),
        "a.b.c".into(),
        "ü.ü.ü".into(),
        "x".repeat(100_000),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        foreign,
    ] {
        let refused = auth.verify(TokenKind::Access, &text).await;
        assert_eq!(refused, Err(Reason::TokenInvalid), "{}", text.chars().take(50).collect::<String>());
    }
}

#[tokio::test]
async fn an_access_token_is_forgiven_thirty_seconds_and_a_connection_token_none() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "u").await;
    let tokens = auth.issue(&app, &user).await;
    auth.clock.advance(Duration::from_secs(u64::from(TTL_S) - 1));
    assert!(auth.verify(TokenKind::Connection, &tokens.connection_token).await.is_ok());
    auth.clock.advance(Duration::from_secs(1));
    let connection = auth.verify(TokenKind::Connection, &tokens.connection_token).await;
    assert_eq!(connection, Err(Reason::TokenExpired));
    auth.clock.advance(Duration::from_secs(29));
    assert!(auth.verify(TokenKind::Access, &tokens.access_token).await.is_ok());
    auth.clock.advance(Duration::from_secs(1));
    assert_eq!(auth.verify(TokenKind::Access, &tokens.access_token).await, Err(Reason::TokenExpired));
}

#[tokio::test]
async fn deactivation_and_a_cut_off_time_revoke_tokens() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "u").await;
    let old = auth.issue(&app, &user).await;
    let undated = app.mint(json!({"user_id": "u", "app_id": app.id, "exp": START.secs() + 600}));
    auth.clock.advance(Duration::from_secs(10));
    auth.execute(&format!("UPDATE users SET tokens_valid_after = {}", auth.now().0)).await;
    let new = auth.issue(&app, &user).await;
    assert_eq!(auth.verify(TokenKind::Access, &old.access_token).await, Err(Reason::TokenRevoked));
    assert_eq!(auth.verify(TokenKind::Connection, &old.connection_token).await, Err(Reason::TokenRevoked));
    assert_eq!(auth.verify(TokenKind::Access, &undated).await, Err(Reason::TokenRevoked));
    assert!(auth.verify(TokenKind::Access, &new.access_token).await.is_ok());

    auth.execute("UPDATE users SET deactivated_at = 1").await;
    assert_eq!(auth.verify(TokenKind::Access, &new.access_token).await, Err(Reason::TokenRevoked));
    assert_eq!(auth.refresh(&new.refresh_token).await, Err(Reason::TokenRevoked));
    let request = IssueTokensRequest { user_num: user.num, ttl_s: 60 };
    assert_eq!(reason(auth.client().issue_tokens(app.backend(request))).await, Reason::NotAllowed);
}

#[tokio::test]
async fn tokens_are_issued_to_the_backend_only_and_for_a_sane_time() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "u").await;
    let request = |ttl_s| IssueTokensRequest { user_num: user.num, ttl_s };
    let mut client = auth.client();
    for ttl_s in [0, u32::MAX] {
        assert_eq!(reason(client.issue_tokens(app.backend(request(ttl_s)))).await, Reason::InvalidArgument);
    }
    assert_eq!(reason(client.issue_tokens(app.user(user.num, request(60)))).await, Reason::NotAllowed);
    let public = Caller { actor: parlance_core::Actor::Public, ..Caller::app(app.id) };
    let refused = client.issue_tokens(Context::new(public).request(request(60)));
    assert_eq!(reason(refused).await, Reason::NotAllowed);
    let nobody = IssueTokensRequest { user_num: 1, ttl_s: 60 };
    assert_eq!(reason(client.issue_tokens(app.backend(nobody))).await, Reason::UserNotFound);
    assert_eq!(reason(client.issue_tokens(service(request(60)))).await, Reason::AppNotFound);
}

#[tokio::test]
async fn sessions_of_long_ago_are_removed() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "u").await;
    let tokens = auth.issue(&app, &user).await;
    auth.clock.advance(Duration::from_secs(26 * 3600));
    // A second process starts with a sweep.
    let now = auth.now();
    let second = crate::fixture::Auth::with_clock(
        &auth.store,
        std::sync::Arc::new(parlance_core::ManualClock::at(now)),
    )
    .await;
    parlance_testkit::wait_until(
        "the sweep",
        async || second.refresh(&tokens.refresh_token).await.err(),
        |refusal| *refusal == Some(Reason::TokenInvalid),
    )
    .await;
}
