use bytes::Bytes;
use reqwest::Response;

use crate::failure::Failure;
use crate::fetcher::failure_of;

/// What becomes of an answer that is larger than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// Its beginning will do.
    Cut,
    /// It is refused.
    Fail,
}

/// Reads at most `max` bytes. What is compressed is unpacked piece by piece, and no further than that.
pub(crate) async fn read(mut response: Response, max: usize, overflow: Overflow) -> Result<Bytes, Failure> {
    let told = response.content_length().unwrap_or(0);
    if overflow == Overflow::Fail && told > max as u64 {
        return Err(Failure::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| failure_of(&error))? {
        let room = max - body.len();
        if piece.len() <= room {
            body.extend_from_slice(&piece);
            continue;
        }
        if overflow == Overflow::Fail {
            return Err(Failure::TooLarge);
        }
        body.extend_from_slice(&piece[..room]);
        break;
    }
    Ok(body.into())
}
