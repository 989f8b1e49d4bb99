//! What an answer says of itself.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode, header};

use crate::failure::{Failure, Trouble};

/// Longest wait that is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// A media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType {
    /// Type and subtype in lower case: `text/html`.
    pub essence: String,
    /// The `charset` parameter as it was sent.
    pub charset: Option<String>,
}

impl ContentType {
    /// `None` if the header is absent or not text.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let mut parts = text.split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let charset = parts
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
            .map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned())
            .filter(|value| !value.is_empty());
        Some(Self { essence, charset })
    }
}

/// What an answer without a body of interest means; success is nobody's failure.
pub(crate) fn judge(status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
    if status.is_success() {
        return Ok(());
    }
    let again = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    if again.contains(&status) || status.is_server_error() {
        let trouble = Trouble::Status(status.as_u16());
        return Err(Failure::Later { trouble, after: retry_after(headers) });
    }
    Err(Failure::Rejected { status: status.as_u16() })
}

/// `Retry-After` in seconds, or as a date, which is compared with the answer's own `Date`: our clock need
/// not agree with the site's.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let now = date(headers.get(header::DATE)?.to_str().ok()?)?;
            (date(text)? - now).to_std().unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

fn date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<HeaderMap>()
    }

    #[test]
    fn media_types_are_read_as_they_are_sent() {
        let of = |text| ContentType::of(&headers(&[("content-type", text)])).unwrap();
        assert_eq!(of("text/html"), ContentType { essence: "text/html".into(), charset: None });
        let latin = ContentType { essence: "text/html".into(), charset: Some("ISO-8859-1".into()) };
        for text in [
            "text/html;charset=ISO-8859-1",
            "Text/HTML ; x=1; Charset = \"ISO-8859-1\"",
            "text/html; charset='ISO-8859-1'; y",
        ] {
            assert_eq!(of(text), latin, "{text}");
        }
        assert_eq!(of("text/html; charset=").charset, None);
        assert_eq!(of("").essence, "");
        assert_eq!(ContentType::of(&HeaderMap::new()), None);
    }

    #[test]
    fn a_wait_is_read_in_seconds_and_as_a_date() {
        let of = |lines: &[(&'static str, &str)]| retry_after(&headers(lines)).map(|wait| wait.as_secs());
        assert_eq!(of(&[("retry-after", "120")]), Some(120));
        assert_eq!(of(&[("retry-after", "99999999999999")]), Some(24 * 3600));
        let now = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(of(&[now, ("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT")]), Some(90));
        assert_eq!(of(&[now, ("retry-after", "Wed, 21 Oct 2015 07:00:00 GMT")]), Some(0));
        assert_eq!(of(&[("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT")]), None);
        for nonsense in ["", "soon", "-5", "1.5"] {
            assert_eq!(of(&[now, ("retry-after", nonsense)]), None, "{nonsense}");
        }
        assert_eq!(of(&[]), None);
    }
}
