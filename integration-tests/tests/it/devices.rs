//! Devices and notification preferences over REST.

use crate::prelude::*;

async fn register(user: &User, body: Value) -> Answer {
    user.post("/api/devices", &body).await
}

#[tokio::test]
async fn a_device_is_registered_once_and_a_token_moves_to_its_new_user() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let body = json!({
        "platform": "ios", "token": "device-push-token", "provider": "apns", "deviceId": "phone/1",
        "appVersion": "1.0.0",
    });
    let first = register(&alice, body.clone()).await.created();
    has(&first, &["id", "platform", "provider", "createdAt"]);
    assert_eq!((&first["platform"], &first["provider"]), (&json!("ios"), &json!("apns")));
    assert!(first["createdAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(uuid::Uuid::try_parse(&id(&first)).unwrap().get_version_num(), 7);
    assert_eq!(id(&register(&alice, body.clone()).await.created()), id(&first));
    assert_eq!(id(&register(&bob, body).await.created()), id(&first));
}

#[tokio::test]
async fn the_provider_follows_from_the_platform_and_unknown_values_are_refused() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    for (platform, provider) in [("ios", "apns"), ("android", "fcm"), ("expo", "expo"), ("web", "fcm")] {
        let body = json!({"platform": platform, "token": format!("token of {platform}")});
        assert_eq!(register(&alice, body).await.created()["provider"], provider);
    }
    for body in [
        json!({}),
        json!({"platform": "ios"}),
        json!({"token": "x"}),
        json!({"platform": "toaster", "token": "x"}),
        json!({"platform": "ios", "token": "x", "provider": "pigeon"}),
        json!({"platform": "ios", "token": "x".repeat(5000)}),
        json!({"platform": "ios", "token": 7}),
        json!({"platform": "ios", "token": "x", "deviceId": "y".repeat(300)}),
    ] {
        register(&alice, body).await.refused(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn a_device_is_removed_by_its_id_its_device_id_or_its_token_and_only_by_its_owner() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let body = json!({"platform": "android", "token": "a/b:c d", "deviceId": "tablet/2"});
    let first = id(&register(&alice, body.clone()).await.created());
    for name in [first.as_str(), "tablet%2F2", "a%2Fb%3Ac%20d"] {
        bob.delete(&format!("/api/devices/{name}")).await.ok();
    }
    // Nothing of alice's is gone: the token still has its id.
    assert_eq!(id(&register(&alice, body.clone()).await.created()), first);
    let mut last = first;
    for by_id in [true, false, false] {
        let name = match (by_id, last.is_empty()) {
            (true, _) => last.clone(),
            (false, true) => "a%2Fb%3Ac%20d".to_owned(),
            (false, false) => "tablet%2F2".to_owned(),
        };
        assert_eq!(alice.delete(&format!("/api/devices/{name}")).await.ok()["success"], true);
        let again = id(&register(&alice, body.clone()).await.created());
        assert_ne!(again, last, "{name} named the device");
        last = again;
    }
    for name in ["nothing", "%00"] {
        alice.delete(&format!("/api/devices/{name}")).await.ok();
    }
}

#[tokio::test]
async fn preferences_start_with_the_defaults_and_a_change_keeps_the_rest() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let defaults = json!({
        "pushEnabled": true, "newMessages": true, "mentions": true, "reactions": false,
        "channelInvites": true, "threadReplies": true, "quietHoursEnabled": false,
        "quietHoursStart": "22:00", "quietHoursEnd": "07:00", "timezone": "UTC",
    });
    let path = "/api/devices/preferences";
    let answer = alice.get(path).await.ok();
    assert_eq!(answer, json!({"preferences": defaults, "novuPreferences": null}));
    let change = json!({"reactions": true, "quietHoursEnabled": true, "timezone": "Europe/Berlin"});
    let changed = alice.patch(path, &change).await.ok();
    let mut expected = defaults.clone();
    for (key, value) in change.as_object().unwrap() {
        expected[key] = value.clone();
    }
    assert_eq!(changed, json!({"success": true, "preferences": expected}));
    assert_eq!(alice.get(path).await.ok()["preferences"], expected);
    assert_eq!(alice.patch(path, &json!({})).await.ok()["preferences"], expected);
    for wrong in [
        json!({"quietHoursStart": "25:00"}),
        json!({"quietHoursEnd": "7:00"}),
        json!({"timezone": "Mars/Olympus"}),
        json!({"pushEnabled": "yes"}),
    ] {
        alice.patch(path, &wrong).await.refused(400, "VALIDATION_ERROR");
    }
    assert_eq!(alice.get(path).await.ok()["preferences"], expected);
}
