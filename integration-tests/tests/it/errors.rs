//! chatsdk.md §1.2: the codes that belong to no single endpoint.

use crate::prelude::*;

#[tokio::test]
async fn unknown_routes_are_not_found() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    for path in ["/page", "/api", "/api/nothing", "/api/channels/x/y/z", "/tokens/other", "//api/channels"] {
        alice.get(path).await.refused(404, "NOT_FOUND");
        server.anonymous().get(path).await.refused(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn known_routes_with_another_method_are_not_allowed() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    for (method, path) in [
        (Method::PUT, "/api/channels".to_owned()),
        (Method::DELETE, "/api/channels".to_owned()),
        (Method::GET, "/tokens".to_owned()),
        (Method::PUT, ch(&group)),
        (Method::GET, format!("{}/read", ch(&group))),
        (Method::POST, "/api/channels/unread-count".to_owned()),
        (Method::POST, "/api/users/me".to_owned()),
    ] {
        alice.request(method, &path, None).await.refused(405, "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn errors_carry_the_envelope_and_the_fault_of_the_body() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let error = alice.post("/api/channels", &json!({"type": 7})).await.refused(400, "VALIDATION_ERROR");
    let detail = &error["details"][0];
    assert!(detail["path"].is_string() && detail["message"].is_string(), "{error}");
}

#[tokio::test]
async fn objects_of_another_app_are_not_found() {
    let (server, foreign) = crate::authorization::two_apps().await;
    let alice = server.user("alice").await;
    let stranger = foreign.user("stranger").await;
    let group = alice.channel("public", "open to the app", &[]).await;
    let message = id(&alice.send(&group, "hello").await);
    for (method, path, body) in crate::authorization::user_endpoints(&group, &message, "alice") {
        let touches_alice = [&group, &message].iter().any(|one| path.contains(one.as_str()))
            || path.ends_with("/users/alice");
        if touches_alice {
            let answer = stranger.request(method.clone(), &path, body.as_ref()).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        }
    }
    assert_eq!(stranger.get("/api/users?q=alice").await.ok()["users"], json!([]));
    assert_eq!(stranger.get("/api/channels").await.ok()["channels"], json!([]));
    // The same ids mean other people there.
    let namesake = foreign.user("alice").await;
    namesake.get(&ch(&group)).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_field_at_fault_has_the_name_that_the_client_gave_it() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let keys = json!({"p256dh": "AAAA", "auth": "AAAA"});
    for (path, body, field) in [
        ("/api/workspaces", json!({"name": "n", "expiresAt": "2001-01-01T00:00:00Z"}), "expiresAt"),
        ("/api/devices", json!({"platform": "expo", "token": "t", "deviceId": "x".repeat(256)}), "deviceId"),
        ("/api/webpush/subscribe", json!({"endpoint": "http://x", "keys": keys}), "endpoint"),
        ("/api/webpush/subscribe", json!({"endpoint": "https://x.example", "keys": keys}), "keys.p256dh"),
    ] {
        let error = alice.post(path, &body).await.refused(400, "VALIDATION_ERROR");
        assert_eq!(error["details"][0]["path"], field, "{error}");
        assert!(error["message"].as_str().unwrap().starts_with(&format!("{field} ")), "{error}");
    }
    let quiet = json!({"quietHoursStart": "25:00"});
    let error = alice.patch("/api/devices/preferences", &quiet).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(error["details"][0]["path"], "quietHoursStart");
}
