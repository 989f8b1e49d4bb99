//! The trigger of a workflow: what it is given, and what is said to the push services behind Novu.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::fit::collapse_id;
use super::super::http::{detail, time_to_live};
use super::super::{Outcome, Push};
use super::Novu;
use super::answer::read;

#[derive(Deserialize)]
struct Triggered {
    acknowledged: bool,
    status: String,
}

impl Novu {
    /// A repeat with the id of a push that Novu has already taken is dropped there.
    pub(super) async fn trigger(&self, subscriber: &str, push: &Push) -> Result<(), Outcome> {
        let now = self.common.now();
        let body = json!({
            "name": self.workflow,
            "to": { "subscriberId": subscriber },
            "transactionId": push.id.hyphenated().to_string(),
            "payload": payload(push),
            "overrides": overrides(push, time_to_live(push, now)?),
        });
        let answer = self.call(Method::POST, ["v1", "events", "trigger"], Some(&body)).await?;
        let said = read::<Triggered>(&answer, self.common.now())?.data;
        match said.status.as_str() {
            "processed" if said.acknowledged => Ok(()),
            // The workflow is switched off, has no steps, does not know the recipient.
            status => Err(Outcome::refused("settings", detail(answer.status, Some(status)))),
        }
    }
}

/// What the templates of the workflow can say.
fn payload(push: &Push) -> Value {
    json!({
        "title": push.title,
        "body": push.body,
        "image": push.image,
        "data": push.data,
        "badge": push.badge,
        "collapseKey": push.collapse_key,
    })
}

/// Each in the words of the library that Novu uses for it.
fn overrides(push: &Push, left: u64) -> Value {
    let mut android = json!({ "ttl": left.saturating_mul(1_000) });
    let mut headers = json!({ "apns-expiration": push.expires_at.secs().to_string() });
    let mut aps = json!({ "sound": "default" });
    let mut apns = json!({ "expiry": push.expires_at.secs(), "payload": push.data });
    let mut expo = json!({ "expiration": push.expires_at.secs(), "data": push.data });
    if !push.collapse_key.is_empty() {
        let key = collapse_id(&push.collapse_key);
        android["collapseKey"] = json!(key);
        android["notification"] = json!({ "tag": key });
        headers["apns-collapse-id"] = json!(key);
        aps["threadId"] = json!(key);
        apns["collapseId"] = json!(key);
    }
    if let Some(badge) = push.badge {
        aps["badge"] = json!(badge);
        apns["badge"] = json!(badge);
        expo["badge"] = json!(badge);
    }
    json!({
        "fcm": {
            "data": push.data,
            "android": android,
            "apns": { "headers": headers, "payload": { "aps": aps } },
        },
        "apns": apns,
        "expo": expo,
    })
}
