//! What fields must look like.

use std::time::Duration;

use parlance_core::{Error, Result};

/// Longest user id in bytes.
pub const MAX_ID_BYTES: usize = 255;
/// Longest name in characters.
pub const MAX_NAME_CHARS: usize = 255;
const MAX_EMAIL_BYTES: usize = 320;
const MAX_IMAGE_BYTES: usize = 2048;
/// Longest realtime channel name in bytes.
const MAX_CHANNEL_BYTES: usize = 255;
/// Longest life of access, connection and subscription tokens.
pub const MAX_TTL_S: u32 = 30 * 24 * 60 * 60;

/// Longest time for which an old key or secret stays good.
const MAX_OVERLAP_S: u32 = 90 * 24 * 60 * 60;

/// How long an old key or secret stays good beside its successor: up to 90 days.
pub fn overlap(seconds: u32) -> Result<Duration> {
    if seconds > MAX_OVERLAP_S {
        return Err(Error::invalid("overlap_s", format!("must be at most {MAX_OVERLAP_S}")));
    }
    Ok(Duration::from_secs(seconds.into()))
}

/// A user id: 1–255 bytes, no control characters, not blank.
pub fn user_id(id: &str) -> Result<()> {
    if id.trim().is_empty() {
        return Err(Error::invalid("id", "must not be empty"));
    }
    if id.len() > MAX_ID_BYTES {
        return Err(Error::invalid("id", format!("must have at most {MAX_ID_BYTES} bytes")));
    }
    no_control("id", id)
}

/// A display name of a user or an app: up to 255 characters, no control characters.
pub fn name(name: &str) -> Result<()> {
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(Error::invalid("name", format!("must have at most {MAX_NAME_CHARS} characters")));
    }
    no_control("name", name)
}

/// An address that could be delivered to, or empty.
pub fn email(email: &str) -> Result<()> {
    if email.is_empty() {
        return Ok(());
    }
    let well_formed = email.len() <= MAX_EMAIL_BYTES
        && !email.contains(|c: char| c.is_whitespace() || c.is_control())
        && matches!(email.split('@').collect::<Vec<_>>()[..], [local, domain]
            if !local.is_empty() && !domain.is_empty());
    if well_formed { Ok(()) } else { Err(Error::invalid("email", "must be an e-mail address")) }
}

/// An absolute http(s) URL of up to 2048 bytes, or empty.
pub fn image(url: &str) -> Result<()> {
    if url.is_empty() {
        return Ok(());
    }
    if url.len() > MAX_IMAGE_BYTES {
        return Err(Error::invalid("image", format!("must have at most {MAX_IMAGE_BYTES} bytes")));
    }
    let host = url.parse::<tonic::transport::Uri>().ok().and_then(|uri| {
        let http = matches!(uri.scheme_str(), Some("http" | "https"));
        uri.host().filter(|host| http && !host.is_empty()).map(str::to_owned)
    });
    match host {
        Some(_) => Ok(()),
        None => Err(Error::invalid("image", "must be an absolute http or https URL")),
    }
}

/// A realtime channel name: 1–255 bytes, no control characters.
pub fn channel(channel: &str) -> Result<()> {
    if channel.is_empty() || channel.len() > MAX_CHANNEL_BYTES {
        return Err(Error::invalid("channel", format!("must have 1 to {MAX_CHANNEL_BYTES} bytes")));
    }
    no_control("channel", channel)
}

/// The life of a token.
pub fn ttl(ttl_s: u32) -> Result<u32> {
    if ttl_s == 0 || ttl_s > MAX_TTL_S {
        return Err(Error::invalid("ttl_s", format!("must be 1 to {MAX_TTL_S} seconds")));
    }
    Ok(ttl_s)
}

/// A secret or key that somebody chose: printable ASCII, so that it fits in a header.
pub fn chosen_secret(field: &str, secret: &str) -> Result<()> {
    if secret.len() < 8 || secret.len() > 255 || !secret.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::invalid(field, "must be 8 to 255 printable ASCII characters"));
    }
    Ok(())
}

/// How many items a request may name.
pub fn count(field: &str, count: usize, allowed: std::ops::RangeInclusive<usize>) -> Result<()> {
    if allowed.contains(&count) {
        return Ok(());
    }
    Err(Error::invalid(field, format!("must have {} to {} items", allowed.start(), allowed.end())))
}

fn no_control(field: &str, text: &str) -> Result<()> {
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "must not contain control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_held_to_their_limits() {
        type Check = fn(&str) -> Result<()>;
        let long_name = "ü".repeat(255);
        let long_id = "x".repeat(255);
        let cases: [(Check, &[&str], &[&str]); 5] = [
            (user_id, &["u", "user:1", "Ünï", &long_id], &["", "  ", "a\nb", "a\0", &"x".repeat(256)]),
            (name, &["", "Anna", &long_name], &["a\u{7}", &"ü".repeat(256)]),
            (email, &["", "a@b", "a.b@c.d"], &["a", "@b", "a@", "a@b@c", "a b@c"]),
            (
                image,
                &["", "https://x/y.png", "http://localhost:1/a?b#c"],
                &["x.png", "/a", "ftp://x/y", "javascript:alert(1)", "https://", "http:///x", "http://a b"],
            ),
            (channel, &["chat:a:b"], &["", "a\tb", &"x".repeat(256)]),
        ];
        for (check, good, bad) in cases {
            for text in good {
                assert!(check(text).is_ok(), "{text:?}");
            }
            for text in bad {
                assert!(check(text).is_err(), "{text:?}");
            }
        }
        assert!(ttl(0).is_err() && ttl(MAX_TTL_S + 1).is_err() && ttl(1).is_ok());
    }
}
