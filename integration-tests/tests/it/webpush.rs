//! Web Push over REST.

use parlance_integration_tests::push::Admin;
use parlance_proto::notification::ProviderKind;

use crate::prelude::*;

#[tokio::test]
async fn browsers_get_the_key_of_their_app_once_web_push_is_set_up() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    alice.to_rest().tolerant().get("/api/webpush/vapid-key").await.refused(503, "SERVICE_UNAVAILABLE");
    let settings = json!({"subject": "mailto:ops@example.com"});
    Admin::of(&server).await.set_provider(ProviderKind::WebPush, &settings, &json!({})).await;
    let key = alice.get("/api/webpush/vapid-key").await.ok()["publicKey"].as_str().unwrap().to_owned();
    use base64::Engine;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&key).unwrap();
    assert_eq!((bytes.len(), bytes[0]), (65, 4), "an uncompressed point");
    assert_eq!(alice.get("/api/webpush/vapid-key").await.ok()["publicKey"], key);
}

#[tokio::test]
async fn a_subscription_needs_its_endpoint_and_keys() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    let keys = json!({"p256dh": p256dh, "auth": "BTBZMqHH6r4Tts7J_aSIgg"});
    let good = json!({"endpoint": "https://push.example.com/x", "expirationTime": null, "keys": keys});
    let subscribe = "/api/webpush/subscribe";
    assert_eq!(alice.post(subscribe, &good).await.ok()["success"], true);
    alice.post(subscribe, &good).await.ok();
    for wrong in [
        json!({"keys": keys}),
        json!({"endpoint": "https://push.example.com/x"}),
        json!({"endpoint": "http://push.example.com/x", "keys": keys}),
        json!({"endpoint": "not a url", "keys": keys}),
        json!({"endpoint": "https://push.example.com/x", "keys": {"p256dh": "AAAA", "auth": keys["auth"]}}),
        json!({"endpoint": "https://push.example.com/x", "keys": {"p256dh": p256dh, "auth": "§"}}),
    ] {
        alice.post(subscribe, &wrong).await.refused(400, "VALIDATION_ERROR");
    }
    let unsubscribe = "/api/webpush/unsubscribe";
    alice.post(unsubscribe, &json!({})).await.refused(400, "VALIDATION_ERROR");
    for _ in 0..2 {
        alice.post(unsubscribe, &json!({"endpoint": "https://push.example.com/x"})).await.ok();
    }
    assert_eq!(alice.post("/api/webpush/test", &json!({})).await.ok()["queued"], 0);
}
