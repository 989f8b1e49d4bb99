//! What Novu answers.

use parlance_core::Micros;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::Outcome;
use super::super::http::{Answer, by_status, detail};

/// Novu wraps everything.
#[derive(Deserialize)]
pub(super) struct Data<T> {
    pub data: T,
}

pub(super) fn read<T: DeserializeOwned>(answer: &Answer, now: Micros) -> Result<Data<T>, Outcome> {
    if !answer.status.is_success() {
        return Err(failed(answer, now));
    }
    serde_json::from_slice(&answer.body).map_err(|_| Outcome::later("malformed", detail(answer.status, None)))
}

/// 402: the plan does not allow it. 404, 422: no such workflow.
pub(super) fn failed(answer: &Answer, now: Micros) -> Outcome {
    match answer.status.as_u16() {
        402 => Outcome::refused("credentials", detail(answer.status, None)),
        422 => Outcome::refused("settings", detail(answer.status, None)),
        _ => by_status(answer, None, now),
    }
}
