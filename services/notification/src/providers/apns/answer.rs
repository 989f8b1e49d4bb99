//! What APNs answers: "Handling notification responses from APNs" in Apple's documentation.

use parlance_core::Micros;
use serde::Deserialize;

use super::super::http::{Answer, by_status, detail, retry_after};
use super::super::{Outcome, Why};

#[derive(Deserialize)]
struct Failure {
    reason: String,
}

fn reason(answer: &Answer) -> Option<String> {
    serde_json::from_slice::<Failure>(&answer.body).ok().map(|failure| failure.reason)
}

pub(super) fn token_expired(answer: &Answer) -> bool {
    answer.status.as_u16() == 403 && reason(answer).as_deref() == Some("ExpiredProviderToken")
}

/// `fits`: it is known that the environment is the one of the app. In the other one every token is bad, and a
/// wrong setting must not cost anybody his device.
pub(super) fn read(answer: &Answer, fits: bool, now: Micros) -> Outcome {
    if answer.status.as_u16() == 200 {
        return Outcome::taken();
    }
    let reason = reason(answer);
    let detail = detail(answer.status, reason.as_deref());
    match reason.as_deref() {
        Some("Unregistered" | "ExpiredToken") => Outcome::TokenDead,
        Some("BadDeviceToken") if fits => Outcome::TokenDead,
        Some(
            "BadDeviceToken"
            | "DeviceTokenNotForTopic"
            | "BadTopic"
            | "MissingTopic"
            | "TopicDisallowed"
            | "BadCertificateEnvironment",
        ) => Outcome::refused("settings", detail),
        Some("TooManyRequests" | "TooManyProviderTokenUpdates") => {
            Outcome::Later { after: retry_after(answer, now), why: Why { label: "429", detail } }
        }
        // It is about the connection, not about the push.
        Some("IdleTimeout") => Outcome::later("timeout", detail),
        _ => by_status(answer, reason.as_deref(), now),
    }
}
