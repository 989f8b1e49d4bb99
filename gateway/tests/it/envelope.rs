use axum::body::Body;
use axum::http::Request;

use crate::fake::{Front, Services, channel_id};

#[tokio::test]
async fn unknown_routes_and_methods_are_refused_in_the_envelope_with_the_request_id() {
    let front = Front::new(Services::with_credentials()).await;
    for path in ["/nothing", "/api", "/api/channels/", "/api/channels/x/y/z/w"] {
        let answer = front.send("GET", path, &[("x-request-id", "my-id-1")], "").await;
        assert_eq!(answer.refusal(), (404, "NOT_FOUND".into()), "{path}");
        assert_eq!(answer.json()["error"]["requestId"], "my-id-1");
        assert_eq!(answer.headers["x-request-id"], "my-id-1");
    }
    for (method, path) in [("PUT", "/api/channels"), ("GET", "/tokens"), ("POST", "/health")] {
        let answer = front.send(method, path, &[], "").await;
        assert_eq!(answer.refusal(), (405, "METHOD_NOT_ALLOWED".into()), "{method} {path}");
    }
}

#[tokio::test]
async fn ids_that_are_none_are_not_found() {
    let front = Front::new(Services::with_credentials()).await;
    let id = channel_id();
    for path in [
        "/api/channels/not-a-uuid".to_owned(),
        "/api/channels/%00".to_owned(),
        "/api/channels/%FF".to_owned(),
        "/api/channels/7b6d7a3e-52f5-4f5e-9d0b-0d8cbb6f6c11".to_owned(),
        format!("/api/channels/{id}/messages/nothing"),
        "/api/messages/nothing".to_owned(),
    ] {
        let answer = front.as_ann("GET", &path, "").await;
        assert_eq!(answer.refusal(), (404, "NOT_FOUND".into()), "{path}");
    }
}

#[tokio::test]
async fn malformed_bodies_are_refused_with_the_path_of_the_fault() {
    let front = Front::new(Services::with_credentials()).await;
    for (body, path) in [
        ("{", ""),
        ("[]", ""),
        (r#"{"name":5}"#, "name"),
        (r#"{"memberIds":["ann",{}]}"#, "memberIds[1]"),
        (r#"{"config":{"reactions":"yes"}}"#, "config.reactions"),
    ] {
        let answer = front.as_ann("POST", "/api/channels", body).await;
        assert_eq!(answer.refusal(), (400, "VALIDATION_ERROR".into()), "{body}");
        assert_eq!(answer.json()["error"]["details"][0]["path"], path, "{body}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_announced_or_not() {
    let front = Front::new(Services::with_credentials()).await;
    let large = "x".repeat(1024 * 1024 + 1);
    let answer = front.as_ann("POST", "/api/channels", &large).await;
    assert_eq!(answer.refusal(), (413, "PAYLOAD_TOO_LARGE".into()));
    let chunks = (0..1100).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 1024]));
    let request = Request::post("/api/channels")
        .header("x-api-key", "secret")
        .header("authorization", "Bearer ann")
        .body(Body::from_stream(futures_util::stream::iter(chunks)))
        .unwrap();
    assert_eq!(front.call(request).await.refusal(), (413, "PAYLOAD_TOO_LARGE".into()));
}

#[tokio::test]
async fn a_service_that_is_away_is_a_503_that_says_when_to_come_back() {
    let front = Front::new(Services::with_credentials()).await;
    let answer = front.as_ann("GET", "/api/channels", "").await;
    assert_eq!(answer.refusal(), (503, "SERVICE_UNAVAILABLE".into()));
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn every_options_request_is_answered_for_browsers() {
    let front = Front::new(Services::with_credentials()).await;
    for path in ["/api/channels", "/tokens", "/nothing"] {
        let answer = front.send("OPTIONS", path, &[("origin", "https://app.example.com")], "").await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        let allowed = answer.headers["access-control-allow-headers"].to_str().unwrap();
        for header in ["Content-Type", "Authorization", "X-API-Key", "X-Request-ID", "traceparent"] {
            assert!(allowed.contains(header), "{header}");
        }
    }
    let refused = front.send("GET", "/api/channels", &[("origin", "https://app.example.com")], "").await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.headers["access-control-allow-origin"], "*", "refusals are readable too");
}

#[tokio::test]
async fn health_says_that_and_since_when_the_process_serves() {
    let front = Front::new(Services::default()).await;
    let answer = front.send("GET", "/health", &[], "").await;
    assert_eq!(answer.status, 200);
    let json = answer.json();
    assert_eq!(json["status"], "ok");
    assert!(json["timestamp"].as_str().unwrap().ends_with('Z'));
    assert!(json["uptime"].is_u64() && json["version"].is_string());
}
