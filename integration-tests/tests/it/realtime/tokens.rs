//! centrifugo.md §4: the table of tokens.

use parlance_integration_tests::realtime::{Command, RefreshRequest, SubRefreshRequest, SubscribeRequest};

use crate::prelude::*;

async fn scene() -> (Harness, [User; 2]) {
    let server = Harness::start().await;
    let users = server.users(["alice", "bob"]).await;
    (server, users)
}

/// A connection token of the server with its signature broken.
fn tampered(token: &str) -> String {
    let (head, signature) = token.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    format!("{head}.{flipped}")
}

#[tokio::test]
async fn connecting_with_a_bad_token_is_final_and_has_a_reason() {
    let (server, [alice, _]) = scene().await;
    let group = alice.group("g", &[]).await;
    let body = json!({"channel": alice.chat(&group)});
    let answer = alice.post("/api/realtime/subscription-token", &body).await.ok();
    let subscription = answer["token"].as_str().unwrap().to_owned();
    for encoding in Encoding::ALL {
        for (what, token) in [
            ("garbage", "garbage".to_owned()),
            ("tampered", tampered(&alice.ws_token)),
            ("an access token", alice.token.clone()),
            ("a token for one channel", subscription.clone()),
        ] {
            let client = Realtime::open(&server.realtime_url(), encoding).await;
            client.send_token(&token).await;
            let close = client.closed().await;
            assert_eq!(close.code, 3500, "{what}: {close:?}");
            assert!(!close.reason.is_empty(), "an empty reason makes clients reconnect for ever");
            assert!(serde_json::from_str::<Value>(&close.reason).is_err(), "{}", close.reason);
        }
        let client = Realtime::open(&server.realtime_url(), encoding).await;
        client.send_token("").await;
        assert_eq!(client.closed().await.code, 3501, "no token at all");
    }
}

#[tokio::test]
async fn an_expired_token_is_error_109_on_connect_and_close_3005_on_refresh() {
    let options = Options::new().with("dialects.chatsdk.access_ttl_s", 1);
    let mut server = Harness::start_with(options).await;
    let old = server.user("alice").await.ws_token;
    server.set("dialects.chatsdk.access_ttl_s", 86_400);
    server.terminate().await;
    server.start_again().await;
    let alice = server.user("alice").await;
    for encoding in Encoding::ALL {
        let client = refused_as_expired(&server, &old, encoding).await;
        // After the error the connection is dead.
        let refresh = Command { refresh: Some(RefreshRequest { token: old.clone() }), ..Default::default() };
        client.send(&[Command { id: 9, ..refresh.clone() }]).await;
        assert_eq!(client.closed().await.code, 3501);

        let client = Realtime::connect_in(&server, &alice, encoding).await;
        client.send(&[Command { id: 9, ..refresh }]).await;
        let close = client.closed().await;
        assert_eq!((close.code, close.reason.is_empty()), (3005, false), "{close:?}");
        assert!(client.state().reply(9).is_none(), "109 would be final for clients");
    }
}

/// Connects until the token counts as expired, and answers the connection that was told so.
/// Clocks may differ by 30 s: that long the token still works, and there is nothing to hurry it.
async fn refused_as_expired(server: &Harness, token: &str, encoding: Encoding) -> Realtime {
    let end = claims(token)["exp"].as_i64().unwrap();
    loop {
        let client = Realtime::open(&server.realtime_url(), encoding).await;
        if let Some(error) = client.authenticate(token).await.error {
            assert_eq!((error.code, error.temporary), (109, false));
            return client;
        }
        assert!(now_s() < end + 40, "the token still works long after its end");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn refreshing_takes_a_fresh_token_of_the_same_user() {
    let (server, [alice, _]) = scene().await;
    let again = server.user("alice").await;
    for encoding in Encoding::ALL {
        let client = Realtime::connect_in(&server, &alice, encoding).await;
        let refresh = |token: &str| Command {
            refresh: Some(RefreshRequest { token: token.to_owned() }),
            ..Default::default()
        };
        let result = client.ask(refresh(&again.ws_token)).await.refresh.expect("refreshed");
        assert!(result.expires && result.ttl > 86_000 && !result.client.is_empty(), "{result:?}");
    }
}

#[tokio::test]
async fn refreshing_with_a_wrong_token_closes_the_connection() {
    let (server, [alice, bob]) = scene().await;
    for encoding in Encoding::ALL {
        for (what, token, code) in [
            ("garbage", "garbage".to_owned(), 3500),
            ("tampered", tampered(&alice.ws_token), 3500),
            ("another user's", bob.ws_token.clone(), 3500),
            ("none", String::new(), 3501),
        ] {
            let client = Realtime::connect_in(&server, &alice, encoding).await;
            let refresh = RefreshRequest { token };
            client.send(&[Command { id: 5, refresh: Some(refresh), ..Default::default() }]).await;
            let close = client.closed().await;
            assert_eq!(close.code, code, "{what}: {close:?}");
            assert!(!close.reason.is_empty());
        }
    }
}

#[tokio::test]
async fn subscription_tokens_follow_the_table() {
    let (server, [alice, bob]) = scene().await;
    let group = alice.group("g", &[&bob]).await;
    let other = alice.group("h", &[&bob]).await;
    let chat = bob.chat(&group);
    let token = async |user: &User, channel: &str| {
        let answer = user.post("/api/realtime/subscription-token", &json!({"channel": channel})).await.ok();
        answer["token"].as_str().unwrap().to_owned()
    };
    let right = token(&bob, &chat).await;
    let [of_alice, of_other] = [token(&alice, &chat).await, token(&bob, &bob.chat(&other)).await];
    for encoding in Encoding::ALL {
        let client = Realtime::connect_in(&server, &bob, encoding).await;
        let with = |token: &str| SubscribeRequest {
            channel: chat.clone(),
            token: token.to_owned(),
            ..Default::default()
        };
        assert_eq!(client.subscribe_with(with(&tampered(&right))).await.error.unwrap().code, 103);
        assert!(client.subscribe_with(with(&right)).await.subscribe.unwrap().expires);
        let sub_refresh = |token: &str| SubRefreshRequest { channel: chat.clone(), token: token.to_owned() };
        let refresh = |token: &str| Command { sub_refresh: Some(sub_refresh(token)), ..Default::default() };
        let result = client.ask(refresh(&right)).await.sub_refresh.expect("refreshed");
        assert!(result.expires && result.ttl > 0);
        assert_eq!(client.ask(refresh("")).await.error.unwrap().code, 107);
        client.send(&[Command { id: 99, ..refresh(&tampered(&right)) }]).await;
        assert_eq!(client.closed().await.code, 3500);

        for wrong in [&of_alice, &of_other] {
            let client = Realtime::connect_in(&server, &bob, encoding).await;
            client.send(&[Command { id: 2, subscribe: Some(with(wrong)), ..Default::default() }]).await;
            let close = client.closed().await;
            assert_eq!((close.code, close.reason.is_empty()), (3500, false));
            let client = Realtime::connect_in(&server, &bob, encoding).await;
            client.subscribe_with(with(&right)).await.subscribe.expect("subscribed");
            client.send(&[Command { id: 99, ..refresh(wrong) }]).await;
            assert_eq!(client.closed().await.code, 3500);
        }
    }
}

#[tokio::test]
async fn a_connection_outlives_its_token_by_the_grace_only() {
    let options = Options::new().with("dialects.chatsdk.access_ttl_s", 2).with("realtime.expiry_grace_s", 1);
    let server = Harness::start_with(options).await;
    let alice = server.user("alice").await;
    let client = Realtime::connect(&server, &alice).await;
    let close = client.closed().await;
    assert_eq!((close.code, close.reason.is_empty()), (3005, false));
    assert!(now_s() > claims(&alice.ws_token)["exp"].as_i64().unwrap());
}

#[tokio::test]
async fn replaying_an_old_refresh_token_revokes_the_session_and_closes_its_connections() {
    let (server, [alice, _]) = scene().await;
    let client = Realtime::connect(&server, &alice).await;
    let body = json!({"refreshToken": alice.refresh_token});
    let fresh = server.server_key().post("/api/auth/refresh", &body).await.ok();
    // Within the grace a second use is a parallel tab.
    server.server_key().post("/api/auth/refresh", &body).await.ok();
    assert!(client.state().close.is_none());
    // The grace is a fixed time of the server's clock: there is nothing to wait for but its end.
    tokio::time::sleep(std::time::Duration::from_secs(31)).await;
    server.server_key().post("/api/auth/refresh", &body).await.refused(401, "INVALID_REFRESH_TOKEN");
    let close = client.closed().await;
    assert_eq!((close.code, close.reason.is_empty()), (3500, false), "{close:?}");
    let token = fresh["token"].as_str().unwrap();
    server.server_key().with_token(token).get("/api/channels").await.refused(401, "INVALID_TOKEN");
    let newest = json!({"refreshToken": fresh["refreshToken"]});
    server.server_key().post("/api/auth/refresh", &newest).await.refused(401, "INVALID_REFRESH_TOKEN");
}
