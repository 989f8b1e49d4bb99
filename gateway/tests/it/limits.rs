use parlance_gateway::Settings;
use parlance_gateway::config::{ApiScope, GatewaySettings, RateLimitSettings};

use crate::fake::{Front, Services, channel_id};

const SECRET: (&str, &str) = ("x-api-key", "secret");

async fn front(rate_limits: RateLimitSettings) -> Front {
    // Tests have no peer address: it counts as the unspecified one.
    let gateway =
        GatewaySettings { trusted_proxies: vec!["0.0.0.0".to_owned()], ..GatewaySettings::default() };
    let settings = Settings { rate_limits, gateway, ..Settings::default() };
    Front::with_settings(Services::with_credentials(), settings).await
}

#[tokio::test]
async fn token_calls_are_limited_by_client_address_before_the_key_is_looked_at() {
    let front = front(RateLimitSettings { tokens_per_min: 2, ..RateLimitSettings::default() }).await;
    let from = |address| {
        let front = &front;
        async move { front.send("POST", "/tokens", &[("x-forwarded-for", address)], "{}").await }
    };
    assert_eq!(from("198.51.100.1").await.status, 401);
    assert_eq!(from("198.51.100.1").await.status, 401);
    let refused = from("198.51.100.1").await;
    assert_eq!(refused.refusal(), (429, "RATE_LIMITED".into()));
    let seconds = refused.json()["error"]["retryAfter"].as_u64().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    assert_eq!(refused.headers["retry-after"], seconds.to_string());
    assert_eq!(from("198.51.100.2").await.status, 401, "another client is not concerned");
}

#[tokio::test]
async fn sends_are_limited_by_user_and_apart_from_other_calls() {
    let front = front(RateLimitSettings { sends_per_min: 1, ..RateLimitSettings::default() }).await;
    let path = format!("/api/channels/{}/messages", channel_id());
    assert_eq!(front.as_ann("POST", &path, r#"{"text":"a"}"#).await.status, 503);
    assert_eq!(front.as_ann("POST", &path, r#"{"text":"b"}"#).await.status, 429);
    let thread = format!("{path}/{}/thread", channel_id());
    assert_eq!(front.as_ann("POST", &thread, r#"{"text":"c"}"#).await.status, 429);
    assert_eq!(front.as_ann("GET", "/api/channels/unread-count", "").await.status, 200);
}

#[tokio::test]
async fn other_calls_are_limited_by_key_or_by_user_as_the_settings_say() {
    for (api_scope, status_of_backend) in [(ApiScope::Key, 429), (ApiScope::User, 400)] {
        let front =
            front(RateLimitSettings { api_per_min: 1, api_scope, ..RateLimitSettings::default() }).await;
        assert_eq!(front.as_ann("GET", "/api/channels/unread-count", "").await.status, 200);
        assert_eq!(front.as_ann("GET", "/api/channels/unread-count", "").await.status, 429);
        let backend = front.send("POST", "/api/users/sync", &[SECRET], "{}").await;
        assert_eq!(backend.status, status_of_backend);
    }
}
