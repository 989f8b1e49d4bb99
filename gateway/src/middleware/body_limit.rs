//! Reads request bodies up to a limit.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;

/// How much more than allowed is read and thrown away, so that the refusal reaches clients that
/// send everything before they read anything.
const PATIENCE_BYTES: usize = 8 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    TooLarge,
    /// The client went away or broke the transfer.
    Broken,
}

/// Whether the headers announce more than `limit` bytes.
fn announces_more(headers: &HeaderMap, limit: usize) -> bool {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok())
        .is_some_and(|length| length > limit as u64)
}

/// The whole body, if it is at most `limit` bytes long.
pub(crate) async fn read(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Bytes, Unreadable> {
    if announces_more(headers, limit) {
        discard(body).await;
        return Err(Unreadable::TooLarge);
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(Unreadable::Broken) };
        let Ok(data) = frame.into_data() else { continue };
        if read.len() + data.len() > limit {
            discard(body).await;
            return Err(Unreadable::TooLarge);
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

async fn discard(mut body: Body) {
    let drain = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > PATIENCE_BYTES {
                break;
            }
        }
    };
    // Whoever sends slower than this gets no answer: that is what patience means.
    let _ = tokio::time::timeout(PATIENCE, drain).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
        let headers = HeaderMap::new();
        assert_eq!(read(&headers, Body::from("12345"), 5).await, Ok(Bytes::from_static(b"12345")));
        assert_eq!(read(&headers, Body::from("123456"), 5).await, Err(Unreadable::TooLarge));
    }

    #[tokio::test]
    async fn an_announced_length_over_the_limit_is_refused() {
        let headers = HeaderMap::from_iter([(header::CONTENT_LENGTH, "6".parse().unwrap())]);
        assert_eq!(read(&headers, Body::empty(), 5).await, Err(Unreadable::TooLarge));
    }
}
