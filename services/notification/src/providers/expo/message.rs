//! What Expo is given: <https://docs.expo.dev/push-notifications/sending-notifications/#message-request-format>.

use serde_json::{Value, json};

use super::super::fit::{collapse_id, fit};
use super::super::{Outcome, Push};

const MAX_BYTES: usize = 4096;

/// `ExponentPushToken[…]`, `ExpoPushToken[…]`, or the bare UUID of old clients.
pub(super) fn is_token(text: &str) -> bool {
    let wrapped = ["ExponentPushToken[", "ExpoPushToken["]
        .iter()
        .filter_map(|start| text.strip_prefix(start)?.strip_suffix(']'))
        .any(|inside| !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_graphic()));
    wrapped || (text.len() == 36 && uuid::Uuid::try_parse(text).is_ok())
}

pub(super) fn render(push: &Push, token: &str, android_channel_id: Option<&str>) -> Result<Value, Outcome> {
    let json = fit(push, MAX_BYTES, |title, body| {
        let mut message = json!({
            "to": token,
            "title": title,
            "body": body,
            "data": push.data,
            "sound": "default",
            "priority": "high",
            "expiration": push.expires_at.secs(),
        });
        if let Some(badge) = push.badge {
            message["badge"] = json!(badge);
        }
        if let Some(channel) = android_channel_id {
            message["channelId"] = json!(channel);
        }
        if let Some(image) = &push.image {
            message["richContent"] = json!({ "image": image });
        }
        if !push.collapse_key.is_empty() {
            let key = collapse_id(&push.collapse_key);
            // What lies on an Android device; what is under way, and what lies on an iOS device.
            message["tag"] = json!(key);
            message["collapseId"] = json!(key);
        }
        message
    })?;
    serde_json::from_slice(&json).map_err(|_| Outcome::refused("payload", "no JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_from_what_users_may_send_instead() {
        for token in [
            "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]",
            "ExpoPushToken[abc-_1]",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        ] {
            assert!(is_token(token), "{token}");
        }
        for other in
            ["", "ExponentPushToken[]", "ExponentPushToken[a b]", "ExponentPushToken[x", "abc", "Other[x]"]
        {
            assert!(!is_token(other), "{other}");
        }
    }
}
