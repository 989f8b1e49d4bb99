//! `grpc-timeout`, as the gRPC specification writes it: up to eight digits and a unit.

use std::time::Duration;

use http::HeaderValue;

/// Time of a call whose caller gave none.
pub(crate) const USUAL: Duration = Duration::from_secs(10);
/// Largest number that fits.
const MOST: u128 = 99_999_999;

pub(crate) fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(n * 3600),
        "M" => Duration::from_secs(n * 60),
        "S" => Duration::from_secs(n),
        "m" => Duration::from_millis(n),
        "u" => Duration::from_micros(n),
        "n" => Duration::from_nanos(n),
        _ => return None,
    })
}

/// In milliseconds, rounded up, so that the receiver does not give up first.
pub(crate) fn header(timeout: Duration) -> HeaderValue {
    let millis = timeout.as_nanos().div_ceil(1_000_000).clamp(1, MOST);
    HeaderValue::from_str(&format!("{millis}m")).unwrap_or(HeaderValue::from_static("1m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_parse_as_the_grpc_specification_says() {
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("5S"), Some(Duration::from_secs(5)));
        for wrong in ["", "S", "5", "5x", "123456789S", "-1S"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_written_reads_back_never_shorter() {
        for timeout in [Duration::ZERO, Duration::from_micros(1500), Duration::from_secs(60)] {
            let back = parse(header(timeout).to_str().unwrap()).unwrap();
            assert!(back >= timeout && back <= timeout + Duration::from_millis(1), "{timeout:?} {back:?}");
        }
    }
}
