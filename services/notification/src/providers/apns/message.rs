//! What APNs is given.

use serde_json::{Map, Value, json};

use super::super::fit::{collapse_id, fit};
use super::super::{Outcome, Push};

const MAX_BYTES: usize = 4096;

/// The data stands beside `aps`, where apps read it.
pub(super) fn render(push: &Push, sound: &str) -> Result<Vec<u8>, Outcome> {
    fit(push, MAX_BYTES, |title, body| {
        let mut aps = json!({ "alert": { "title": title, "body": body } });
        if !sound.is_empty() {
            aps["sound"] = json!(sound);
        }
        if let Some(badge) = push.badge {
            aps["badge"] = json!(badge);
        }
        if !push.collapse_key.is_empty() {
            aps["thread-id"] = json!(collapse_id(&push.collapse_key));
        }
        let mut payload: Map<String, Value> =
            push.data.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        if let Some(image) = &push.image {
            // A service extension of the app fetches it.
            aps["mutable-content"] = json!(1);
            payload.insert("image".into(), json!(image));
        }
        payload.insert("aps".into(), aps);
        Value::Object(payload)
    })
}
