//! Payloads that keep to a push service's limit.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Outcome, Push};

const ELLIPSIS: char = '…';

/// The JSON that `render` makes of title and body, in at most `limit` bytes: if need be the body's end is
/// left out, then the title's. Refused if the rest alone is too long. `render` uses each of them once.
pub(super) fn fit(
    push: &Push,
    limit: usize,
    render: impl Fn(&str, &str) -> Value,
) -> Result<Vec<u8>, Outcome> {
    let write = |title: &str, body: &str| render(title, body).to_string().into_bytes();
    let whole = write(&push.title, &push.body);
    if whole.len() <= limit {
        return Ok(whole);
    }
    let body = shorten(&push.body, whole.len() - limit);
    let shorter = write(&push.title, &body);
    if shorter.len() <= limit {
        return Ok(shorter);
    }
    let title = shorten(&push.title, shorter.len() - limit);
    let shortest = write(&title, &body);
    if shortest.len() <= limit {
        return Ok(shortest);
    }
    Err(Outcome::refused("too_long", "even without any text"))
}

/// `text` without its end, so that it takes at least `less` bytes less in JSON; nothing of it if it is too
/// short.
fn shorten(text: &str, less: usize) -> String {
    let whole: usize = text.chars().map(length_in_json).sum();
    let Some(room) = whole.checked_sub(less + ELLIPSIS.len_utf8()) else { return String::new() };
    let mut used = 0;
    let mut short = String::new();
    for char in text.chars() {
        used += length_in_json(char);
        if used > room {
            break;
        }
        short.push(char);
    }
    short.push(ELLIPSIS);
    short
}

/// Bytes of a character within a JSON string.
fn length_in_json(char: char) -> usize {
    match char {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => char.len_utf8(),
    }
}

/// `key` if it can stand in a header and has at most 64 bytes (APNs allows no more), else a digest of it.
pub(super) fn collapse_id(key: &str) -> Cow<'_, str> {
    if key.len() <= 64 && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Cow::Borrowed(key);
    }
    Cow::Owned(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(key)))
}

/// 32 characters of base64url that stand for `key`: what RFC 8030 allows as a topic.
pub(super) fn topic(key: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(key)[..24])
}

#[cfg(test)]
mod tests {
    use parlance_core::Micros;
    use serde_json::json;

    use super::*;

    fn push(title: &str, body: &str) -> Push {
        Push {
            id: uuid::Uuid::nil(),
            app: uuid::Uuid::nil(),
            user_id: "u".into(),
            title: title.into(),
            body: body.into(),
            image: None,
            data: Default::default(),
            collapse_key: String::new(),
            badge: None,
            expires_at: Micros(0),
        }
    }

    #[test]
    fn what_fits_stays_whole_and_what_does_not_ends_on_a_character() {
        let render = |title: &str, body: &str| json!({ "t": title, "b": body });
        let texts = ["ä".repeat(400), "\"\\\n\u{1}".repeat(200), "🙂".repeat(300), "plain text ".repeat(50)];
        for text in texts {
            for limit in [30, 60, 61, 62, 63, 64, 300, 301, 302, 303] {
                let json = fit(&push("title", &text), limit, render).unwrap();
                assert!(json.len() <= limit, "{} > {limit}", json.len());
                let back: Value = serde_json::from_slice(&json).unwrap();
                let body = back["b"].as_str().unwrap();
                assert!(text.starts_with(body.trim_end_matches(ELLIPSIS)));
                // The longest that there was room for: one character has at most 6 bytes.
                assert!(limit < 60 || json.len() + 8 > limit, "{} of {limit} used", json.len());
            }
        }
        let whole = fit(&push("title", "body"), 60, render).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&whole).unwrap(), json!({ "t": "title", "b": "body" }));
    }

    #[test]
    fn the_title_is_shortened_only_when_the_body_is_gone() {
        let render = |title: &str, body: &str| json!({ "t": title, "b": body });
        let json = fit(&push(&"t".repeat(100), &"b".repeat(100)), 50, render).unwrap();
        let back: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(back["b"], "");
        assert!(back["t"].as_str().unwrap().ends_with("t…"));
        let refused = fit(&push("t", "b"), 5, render);
        assert!(matches!(refused, Err(Outcome::Refused { why }) if why.label == "too_long"));
    }

    #[test]
    fn a_key_that_no_header_takes_is_told_by_its_digest() {
        assert_eq!(collapse_id("channel-1"), "channel-1");
        for key in ["x".repeat(65), "with space".into(), "ümlaut".into(), "a\r\nb: c".into()] {
            let id = collapse_id(&key);
            assert_eq!(id.len(), 43, "{key:?}");
            assert!(id.bytes().all(|byte| byte.is_ascii_graphic()));
        }
        assert_eq!(topic("channel-1").len(), 32);
        assert_ne!(topic("channel-1"), topic("channel-2"));
    }
}
