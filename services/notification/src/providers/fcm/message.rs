//! What FCM is given.

use serde_json::{Map, Value, json};

use super::super::fit::{collapse_id, fit, topic};
use super::super::{Outcome, Push};

/// Of a message; counted here with everything around it.
const MAX_BYTES: usize = 4096;

/// `left`: seconds until the push is of no use.
pub(super) fn render(
    push: &Push,
    token: &str,
    left: u64,
    android_channel_id: Option<&str>,
) -> Result<Vec<u8>, Outcome> {
    fit(push, MAX_BYTES, |title, body| {
        let mut notification = json!({ "title": title, "body": body });
        let mut android = json!({ "priority": "HIGH", "ttl": format!("{left}s") });
        let mut android_notification = json!({});
        let mut apns_headers = json!({
            "apns-push-type": "alert",
            "apns-priority": "10",
            "apns-expiration": push.expires_at.secs().to_string(),
        });
        let mut aps = json!({ "sound": "default" });
        let mut webpush_headers = json!({ "TTL": left.to_string(), "Urgency": "high" });
        let mut webpush_notification = json!({});
        if let Some(image) = &push.image {
            notification["image"] = json!(image);
        }
        if !push.collapse_key.is_empty() {
            let key = collapse_id(&push.collapse_key);
            android["collapse_key"] = json!(key);
            android_notification["tag"] = json!(key);
            apns_headers["apns-collapse-id"] = json!(key);
            aps["thread-id"] = json!(key);
            webpush_headers["Topic"] = json!(topic(&push.collapse_key));
            webpush_notification["tag"] = json!(key);
        }
        if let Some(badge) = push.badge {
            android_notification["notification_count"] = json!(badge);
            aps["badge"] = json!(badge);
        }
        if let Some(channel) = android_channel_id {
            android_notification["channel_id"] = json!(channel);
        }
        android["notification"] = android_notification;
        json!({ "message": {
            "token": token,
            "notification": notification,
            "data": data(push),
            "android": android,
            "apns": { "headers": apns_headers, "payload": { "aps": aps } },
            "webpush": { "headers": webpush_headers, "notification": webpush_notification },
        } })
    })
}

/// FCM refuses messages with data under names of its own.
fn data(push: &Push) -> Map<String, Value> {
    let own = |key: &str| {
        matches!(key, "" | "from" | "message_type") || key.starts_with("google") || key.starts_with("gcm")
    };
    push.data.iter().filter(|(key, _)| !own(key)).map(|(key, value)| (key.clone(), json!(value))).collect()
}

/// Asks whether FCM knows the token; sends nothing.
pub(super) fn probe(token: &str) -> Vec<u8> {
    json!({ "validate_only": true, "message": { "token": token } }).to_string().into_bytes()
}
