//! What FCM answers: <https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>.

use std::time::Duration;

use parlance_core::Micros;
use serde::Deserialize;

use super::super::http::{Answer, by_status, detail, retry_after};
use super::super::{Outcome, Why};

/// What Google asks for after a 429 that names no time.
const QUOTA_PAUSE: Duration = Duration::from_secs(60);

pub(super) enum Verdict {
    Clear(Outcome),
    /// Refused for the token or for the message; the outcome is what it is if for the message.
    TokenOrMessage(Outcome),
}

#[derive(Deserialize)]
struct Taken {
    #[allow(dead_code, reason = "that it is there tells FCM from something else that says 200")]
    name: String,
}

#[derive(Deserialize)]
struct Failure {
    error: Status,
}

/// google.rpc.Status as JSON.
#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(rename = "@type", default)]
    kind: String,
    /// Of FcmError.
    #[serde(rename = "errorCode", default)]
    error_code: Option<String>,
    /// Of google.rpc.BadRequest.
    #[serde(rename = "fieldViolations", default)]
    violations: Vec<Violation>,
}

#[derive(Deserialize)]
struct Violation {
    #[serde(default)]
    field: String,
}

impl Status {
    fn fcm_code(&self) -> Option<&str> {
        self.details
            .iter()
            .filter(|detail| detail.kind.ends_with("/google.firebase.fcm.v1.FcmError"))
            .find_map(|detail| detail.error_code.as_deref())
    }

    fn violations(&self) -> impl Iterator<Item = &Violation> {
        self.details
            .iter()
            .filter(|detail| detail.kind.ends_with("/google.rpc.BadRequest"))
            .flat_map(|detail| &detail.violations)
    }
}

fn failure(answer: &Answer) -> Option<Status> {
    Some(serde_json::from_slice::<Failure>(&answer.body).ok()?.error)
}

/// Whether Google refused our OAuth token. (A 401 with `THIRD_PARTY_AUTH_ERROR` is about Apple's key.)
pub(super) fn token_refused(answer: &Answer) -> bool {
    answer.status.as_u16() == 401 && failure(answer).is_none_or(|status| status.fcm_code().is_none())
}

pub(super) fn read(answer: &Answer, now: Micros) -> Verdict {
    if answer.status.is_success() {
        return Verdict::Clear(match serde_json::from_slice::<Taken>(&answer.body) {
            Ok(_) => Outcome::taken(),
            Err(_) => Outcome::later("malformed", detail(answer.status, None)),
        });
    }
    let Some(status) = failure(answer) else { return Verdict::Clear(by_status(answer, None, now)) };
    let fcm = status.fcm_code();
    let code = fcm.unwrap_or(&status.status);
    let detail = detail(answer.status, Some(code));
    Verdict::Clear(match code {
        // Only FCM's own word kills a token: NOT_FOUND alone may as well be the project.
        "UNREGISTERED" => Outcome::TokenDead,
        "INVALID_ARGUMENT" => {
            let refused = Outcome::refused("payload", detail);
            if status.violations().any(|violation| violation.field == "message.token") {
                Outcome::TokenDead
            } else if status.violations().next().is_some() {
                refused
            } else {
                return Verdict::TokenOrMessage(refused);
            }
        }
        // The token is of another project. If the project is set up wrongly that is so for all tokens, so
        // none is removed for it.
        "SENDER_ID_MISMATCH" | "THIRD_PARTY_AUTH_ERROR" | "PERMISSION_DENIED" | "UNAUTHENTICATED" => {
            Outcome::refused("credentials", detail)
        }
        "QUOTA_EXCEEDED" | "RESOURCE_EXHAUSTED" => Outcome::Later {
            after: retry_after(answer, now).or(Some(QUOTA_PAUSE)),
            why: Why { label: "429", detail },
        },
        "UNAVAILABLE" | "INTERNAL" => {
            Outcome::Later { after: retry_after(answer, now), why: Why { label: "5xx", detail } }
        }
        _ => by_status(answer, Some(code), now),
    })
}
