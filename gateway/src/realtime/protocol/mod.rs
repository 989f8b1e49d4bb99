//! The Centrifuge client protocol on the wire, in its two forms.

pub mod json;
mod model;
pub mod protobuf;
#[cfg(test)]
mod tests;

use axum::extract::ws::{Message, Utf8Bytes};
use bytes::Bytes;

pub use model::*;

/// Why a frame cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    Empty,
    Malformed,
    TooManyCommands,
}

/// The form that a connection has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Json,
    Protobuf,
}

/// One or more encoded replies: what a frame holds. Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoded {
    Text(Utf8Bytes),
    Binary(Bytes),
}

impl Encoded {
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Encoded> for Message {
    fn from(encoded: Encoded) -> Self {
        match encoded {
            Encoded::Text(text) => Message::Text(text),
            Encoded::Binary(bytes) => Message::Binary(bytes),
        }
    }
}

impl Protocol {
    /// Reads the commands of one frame; at least one.
    pub fn decode(self, frame: &[u8], max_commands: usize) -> Result<Vec<Command>, DecodeError> {
        if frame.is_empty() {
            return Err(DecodeError::Empty);
        }
        match self {
            Self::Json => json::decode(frame, max_commands),
            Self::Protobuf => protobuf::decode(frame, max_commands),
        }
    }

    /// One frame with all these replies, in order.
    pub fn encode(self, replies: &[Reply]) -> Encoded {
        match self {
            Self::Json => {
                let mut out = String::new();
                for (index, reply) in replies.iter().enumerate() {
                    if index > 0 {
                        out.push('\n');
                    }
                    json::encode(reply, &mut out);
                }
                Encoded::Text(out.into())
            }
            Self::Protobuf => {
                let mut out = Vec::new();
                for reply in replies {
                    protobuf::encode(reply, &mut out);
                }
                Encoded::Binary(out.into())
            }
        }
    }

    /// The server's ping, which clients answer alike.
    pub fn ping(self) -> Encoded {
        match self {
            Self::Json => Encoded::Text(Utf8Bytes::from_static("{}")),
            Self::Protobuf => Encoded::Binary(Bytes::from_static(&[0])),
        }
    }

    /// One frame with what several frames of this form hold.
    pub fn join(self, parts: &[Encoded]) -> Encoded {
        let length = parts.iter().map(|part| part.len() + 1).sum();
        match self {
            Self::Json => {
                let mut out = String::with_capacity(length);
                for part in parts {
                    let Encoded::Text(text) = part else { continue };
                    if !out.is_empty() {
                        out.push('\n');
                    }
                    out.push_str(text);
                }
                Encoded::Text(out.into())
            }
            Self::Protobuf => {
                let mut out = Vec::with_capacity(length);
                for part in parts {
                    let Encoded::Binary(bytes) = part else { continue };
                    out.extend_from_slice(bytes);
                }
                Encoded::Binary(out.into())
            }
        }
    }
}
