//! chatsdk.md §1: CORS, gzip, health.

use crate::prelude::*;

#[tokio::test]
async fn preflight_requests_are_answered_without_a_body() {
    let server = Harness::start().await;
    let rest = server
        .anonymous()
        .with_header("origin", "https://app.example.com")
        .with_header("access-control-request-method", "PATCH")
        .with_header(
            "access-control-request-headers",
            "authorization,x-api-key,content-type,traceparent,x-request-id",
        );
    for path in ["/tokens", "/api/channels", "/api/channels/x/messages"] {
        let answer = rest.request(Method::OPTIONS, path, None).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
        let methods = answer.header("access-control-allow-methods").unwrap().to_uppercase();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            assert!(methods.contains(method), "{method} not in {methods}");
        }
        let headers = answer.header("access-control-allow-headers").unwrap().to_lowercase();
        for name in ["content-type", "authorization", "x-api-key", "x-request-id", "traceparent"] {
            assert!(headers.contains(name), "{name} not in {headers}");
        }
    }
}

#[tokio::test]
async fn answers_and_refusals_expose_retry_after_to_pages() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let page = alice.to_rest().with_header("origin", "https://app.example.com");
    for answer in [page.get("/api/channels").await, page.get("/api/nothing").await] {
        assert!(answer.header("access-control-allow-origin").is_some(), "{}", answer.request);
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default().to_lowercase();
        assert!(exposed.contains("retry-after"), "{exposed:?}");
    }
}

#[tokio::test]
async fn configured_origins_are_echoed_with_credentials_and_others_are_not() {
    let options = Options::new().with("gateway.allowed_origins", "https://app.example.com");
    let server = Harness::start_with(options).await;
    let page = |origin: &str| server.anonymous().with_header("origin", origin);
    let answer = page("https://app.example.com").get("/health").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let answer = page("https://evil.example.com").get("/health").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn long_answers_are_compressed_for_clients_that_ask() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    for _ in 0..5 {
        alice.send(&group, &"compress me ".repeat(100)).await;
    }
    let url = format!("{}{}/messages", server.rest_url(), ch(&group));
    let plain = reqwest::Client::builder().no_gzip().build().unwrap();
    let ask = |encoding: &'static str| {
        let request = plain.get(&url).header("x-api-key", DEV_KEY).bearer_auth(&alice.token);
        request.header("accept-encoding", encoding).send()
    };
    let zipped = ask("gzip").await.unwrap();
    assert_eq!(zipped.headers()["content-encoding"], "gzip");
    let zipped = zipped.bytes().await.unwrap();
    let whole = ask("identity").await.unwrap();
    assert!(!whole.headers().contains_key("content-encoding"));
    let whole = whole.bytes().await.unwrap();
    assert!(zipped.len() * 5 < whole.len(), "{} of {}", zipped.len(), whole.len());
    assert_eq!(alice.texts(&group).await.len(), 5);
}

#[tokio::test]
async fn health_needs_no_credentials() {
    let server = Harness::start().await;
    let health = server.anonymous().get("/health").await.ok();
    assert_eq!(health["status"], "ok");
    assert!(health["uptime"].is_number(), "{health}");
    assert!(health["timestamp"].is_string() && health["version"].is_string(), "{health}");
}

#[tokio::test]
async fn answers_carry_the_request_id_of_the_client() {
    let server = Harness::start().await;
    let answer = server.anonymous().with_header("x-request-id", "abc-123").get("/api/channels").await;
    let error = answer.refused(401, "UNAUTHORIZED");
    if let Some(shown) = error.get("requestId") {
        assert_eq!(shown, "abc-123");
    }
}
