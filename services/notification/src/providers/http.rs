//! One request to a push service and what is the same for all of them: bounded answers, `Retry-After`,
//! what a status means where the service says no more.

use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, StatusCode, header};
use parlance_core::Micros;
use reqwest::RequestBuilder;
use tokio::time::Instant;

use super::{MAX_ANSWER, Outcome, Push, Why};

/// No service is waited for longer than this, whatever it asks for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// Requests of one `send` that are under way together.
const TOGETHER: usize = 64;

pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Sends and reads the whole answer, whatever its status.
pub(super) async fn exchange(request: RequestBuilder) -> Result<Answer, Outcome> {
    let mut response = request.send().await.map_err(broken)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Outcome::later(
                "malformed",
                format!("{} answer too long", response.status().as_u16()),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body: body.freeze(),
    })
}

/// The same until `deadline`.
pub(super) async fn exchange_until(deadline: Instant, request: RequestBuilder) -> Result<Answer, Outcome> {
    tokio::time::timeout_at(deadline, exchange(request)).await.unwrap_or_else(|_| Err(late()))
}

/// Runs the tries of one `send` side by side, as `in_time` does.
pub(super) async fn each<F>(tries: Vec<F>, timeout: Duration) -> Vec<Outcome>
where
    F: Future<Output = Result<Outcome, Outcome>>,
{
    let ends = in_time(tries, timeout).await;
    ends.into_iter().map(|end| end.and_then(|end| end).unwrap_or_else(|outcome| outcome)).collect()
}

/// Side by side, in order; who has not ended when `timeout` has passed is to be tried later.
pub(super) async fn in_time<F: Future>(tries: Vec<F>, timeout: Duration) -> Vec<Result<F::Output, Outcome>> {
    let deadline = Instant::now() + timeout;
    futures_util::stream::iter(tries)
        .map(|one| async move { tokio::time::timeout_at(deadline, one).await.map_err(|_| late()) })
        .buffered(TOGETHER)
        .collect()
        .await
}

fn late() -> Outcome {
    Outcome::later("timeout", "no answer in time")
}

/// The text of a transport error holds addresses, which for Web Push are secrets: it is not passed on.
fn broken(error: reqwest::Error) -> Outcome {
    if error.is_timeout() {
        late()
    } else if error.is_connect() {
        Outcome::later("unreachable", "no connection")
    } else if error.is_decode() {
        Outcome::later("malformed", "answer not readable")
    } else if error.is_builder() {
        Outcome::refused("settings", "no request can be made of it")
    } else {
        Outcome::later("unreachable", "connection lost")
    }
}

/// What a status means where nothing more is known of it; `code` is the service's own word for it.
pub(super) fn by_status(answer: &Answer, code: Option<&str>, now: Micros) -> Outcome {
    let status = answer.status;
    let detail = detail(status, code);
    match status.as_u16() {
        408 => Outcome::later("timeout", detail),
        409 => Outcome::later("busy", detail),
        429 => Outcome::Later { after: retry_after(answer, now), why: Why { label: "429", detail } },
        500..=599 => Outcome::Later { after: retry_after(answer, now), why: Why { label: "5xx", detail } },
        _ => refusal(status, detail),
    }
}

/// The same of a status that a repeat does not change.
pub(super) fn refusal(status: StatusCode, detail: String) -> Outcome {
    let label = match status.as_u16() {
        401 | 403 | 407 => "credentials",
        300..=399 | 404 | 405 => "settings",
        400 | 413 | 415 | 422 => "payload",
        _ => "malformed",
    };
    Outcome::refused(label, detail)
}

/// "400 BadDeviceToken": safe to log.
pub(super) fn detail(status: StatusCode, code: Option<&str>) -> String {
    match code {
        Some(code) => format!("{} {}", status.as_u16(), word(code)),
        None => status.as_u16().to_string(),
    }
}

/// A code as services have them, or a placeholder: what a service sends back may hold tokens and text.
pub(super) fn word(code: &str) -> &str {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if !code.is_empty() && code.len() <= 40 && code.bytes().all(fits) { code } else { "(no code)" }
}

/// RFC 9110, 10.2.3: seconds, or a date, which is compared with the answer's own `Date`, if it has one: our
/// clock need not agree with theirs.
pub(super) fn retry_after(answer: &Answer, now: Micros) -> Option<Duration> {
    let text = answer.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let after = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let theirs = answer.headers.get(header::DATE).and_then(|date| at(date.to_str().ok()?));
            at(text)?.since(theirs.unwrap_or(now))
        }
    };
    Some(after.min(MAX_RETRY_AFTER))
}

fn at(date: &str) -> Option<Micros> {
    let at = httpdate::parse_http_date(date).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Micros::from_secs(i64::try_from(at.as_secs()).ok()?))
}

/// How long a push is still of use; whole seconds, at least one.
pub(super) fn time_to_live(push: &Push, now: Micros) -> Result<u64, Outcome> {
    match push.expires_at.since(now) {
        Duration::ZERO => Err(Outcome::refused("expired", "of no use any more")),
        left => Ok(left.as_secs().max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(retry_after: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, retry_after.parse().unwrap());
        Answer { status: StatusCode::SERVICE_UNAVAILABLE, headers, body: Bytes::new() }
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = Micros::from_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
        let after = |text: &str| retry_after(&answer(text), now).map(|after| after.as_secs());
        assert_eq!(after("120"), Some(120));
        assert_eq!(after(" 0 "), Some(0));
        assert_eq!(after("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(after("Sun, 06 Nov 1994 08:48:37 GMT"), Some(0), "a date that has passed: at once");
        assert_eq!(after("99999999999999"), Some(86_400), "no longer than a day");
        for wrong in ["", "soon", "-5", "1.5", "Sun, 06 Nov"] {
            assert_eq!(after(wrong), None, "{wrong:?}");
        }
        let mut theirs = answer("Sun, 06 Nov 1994 08:50:37 GMT");
        theirs.headers.insert(header::DATE, "Sun, 06 Nov 1994 08:50:07 GMT".parse().unwrap());
        assert_eq!(retry_after(&theirs, now), Some(Duration::from_secs(30)), "by their clock");
    }

    #[test]
    fn words_of_a_service_are_shown_only_if_they_look_like_a_code() {
        assert_eq!(word("BadDeviceToken"), "BadDeviceToken");
        assert_eq!(word("a sentence that quotes a message"), "(no code)");
        assert_eq!(word(&"a".repeat(64)), "(no code)", "long as a token");
        assert_eq!(word(""), "(no code)");
    }
}
