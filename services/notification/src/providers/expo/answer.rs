//! What Expo answers, at once and later.

use std::collections::{BTreeMap, HashMap};

use parlance_core::Micros;
use serde::Deserialize;
use serde_json::Value;

use super::super::http::{Answer, by_status, detail, retry_after, word};
use super::super::{Outcome, Why};

pub(super) enum Tickets {
    /// One for each message, in order.
    Each(Vec<Outcome>),
    /// Tokens of several projects stand in one batch: the tokens of each, and what it is if they do not.
    SeveralProjects(Vec<Vec<String>>, Outcome),
    /// Something in the batch is wrong.
    Unfit(Outcome),
    /// The batch was not taken, whatever is in it.
    None(Outcome),
}

pub(super) struct Receipts(pub HashMap<String, Outcome>);

#[derive(Deserialize)]
struct Body<T> {
    #[serde(default = "none")]
    data: Option<T>,
    #[serde(default)]
    errors: Vec<RequestError>,
}

fn none<T>() -> Option<T> {
    None
}

#[derive(Deserialize)]
struct RequestError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    details: Value,
}

/// A ticket or a receipt.
#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Word {
    Ok {
        #[serde(default)]
        id: Option<String>,
    },
    Error {
        #[serde(default)]
        details: Details,
    },
}

#[derive(Deserialize, Default)]
struct Details {
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Word>),
    One(Word),
}

pub(super) fn tickets(answer: &Answer, messages: usize, now: Micros) -> Tickets {
    let status = answer.status;
    let malformed = || Outcome::later("malformed", detail(status, None));
    let body = serde_json::from_slice::<Body<OneOrMany>>(&answer.body);
    if let Ok(Body { errors, .. }) = &body
        && let Some(error) = errors.first()
    {
        return request_error(answer, error, now);
    }
    if !status.is_success() {
        return match by_status(answer, None, now) {
            unfit @ Outcome::Refused { .. } if matches!(status.as_u16(), 400 | 413 | 422) => {
                Tickets::Unfit(unfit)
            }
            other => Tickets::None(other),
        };
    }
    let tickets = match body {
        Ok(Body { data: Some(OneOrMany::Many(tickets)), .. }) => tickets,
        Ok(Body { data: Some(OneOrMany::One(ticket)), .. }) => vec![ticket],
        _ => return Tickets::None(malformed()),
    };
    if tickets.len() != messages {
        return Tickets::None(malformed());
    }
    Tickets::Each(
        tickets
            .into_iter()
            .map(|ticket| match ticket {
                Word::Ok { id: Some(id) } if !id.is_empty() => Outcome::Taken { receipt: Some(id) },
                Word::Ok { .. } => malformed(),
                Word::Error { details } => refusal(details.error.as_deref()),
            })
            .collect(),
    )
}

fn request_error(answer: &Answer, error: &RequestError, now: Micros) -> Tickets {
    let said = detail(answer.status, Some(&error.code));
    match error.code.as_str() {
        "TOO_MANY_REQUESTS" => Tickets::None(Outcome::Later {
            after: retry_after(answer, now),
            why: Why { label: "429", detail: said },
        }),
        "UNAUTHORIZED" | "INVALID_CREDENTIALS" => Tickets::None(Outcome::refused("credentials", said)),
        "PUSH_TOO_MANY_EXPERIENCE_IDS" => {
            let projects = serde_json::from_value::<BTreeMap<String, Vec<String>>>(error.details.clone());
            let refused = Outcome::refused("settings", said);
            Tickets::SeveralProjects(projects.unwrap_or_default().into_values().collect(), refused)
        }
        _ => match by_status(answer, Some(&error.code), now) {
            unfit @ Outcome::Refused { .. } if matches!(answer.status.as_u16(), 200 | 400 | 413 | 422) => {
                Tickets::Unfit(unfit)
            }
            other => Tickets::None(other),
        },
    }
}

/// `details.error` of a ticket or receipt.
fn refusal(code: Option<&str>) -> Outcome {
    let said = code.map_or("(no code)", word);
    match code {
        Some("DeviceNotRegistered") => Outcome::TokenDead,
        Some("MessageRateExceeded") => Outcome::later("429", said),
        Some("ProviderError" | "ExpoError") => Outcome::later("5xx", said),
        Some("MismatchSenderId" | "InvalidCredentials" | "InvalidProviderToken") => {
            Outcome::refused("credentials", said)
        }
        _ => Outcome::refused("payload", said),
    }
}

/// `None`: no receipts can be read from it.
pub(super) fn receipts(answer: &Answer) -> Option<Receipts> {
    if !answer.status.is_success() {
        return None;
    }
    let known = serde_json::from_slice::<Body<HashMap<String, Word>>>(&answer.body).ok()?.data?;
    let outcome = |word| match word {
        Word::Ok { .. } => Outcome::taken(),
        Word::Error { details } => refusal(details.error.as_deref()),
    };
    Some(Receipts(known.into_iter().map(|(id, word)| (id, outcome(word))).collect()))
}
