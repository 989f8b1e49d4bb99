//! The time of sending, carried in a message's text.

use std::time::{SystemTime, UNIX_EPOCH};

/// Before the time in a text.
const MARK: &[u8] = b"bench-sent-";
/// Digits of the time.
const DIGITS: usize = 20;

/// Unix time in nanoseconds: the processes of one machine agree on it.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// A text of `length` bytes that carries a time.
pub fn text(nanos: u64, length: usize) -> String {
    let mut text = format!("bench-sent-{nanos:0DIGITS$} ");
    while text.len() < length {
        text.push('x');
    }
    text
}

/// The time that the first text in these bytes carries.
pub fn find(bytes: &[u8]) -> Option<u64> {
    let start = super::super::http::find(bytes, MARK)? + MARK.len();
    let digits = std::str::from_utf8(bytes.get(start..start + DIGITS)?).ok()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_back() {
        let text = text(1_234_567_890_123_456_789, 200);
        assert_eq!(text.len(), 200);
        assert_eq!(find(format!("{{\"text\":\"{text}\"}}").as_bytes()), Some(1_234_567_890_123_456_789));
        assert_eq!(find(b"nothing"), None);
    }
}
