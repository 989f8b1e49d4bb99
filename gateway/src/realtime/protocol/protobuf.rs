//! The Protobuf form: each message behind its length as a varint.

use prost::Message;

use super::{Command, DecodeError, Reply};

/// Reads one frame. A length is compared with what is left of the frame before anything is made of it.
pub fn decode(mut frame: &[u8], max_commands: usize) -> Result<Vec<Command>, DecodeError> {
    let mut commands = Vec::new();
    while !frame.is_empty() {
        if commands.len() == max_commands {
            return Err(DecodeError::TooManyCommands);
        }
        let length = prost::decode_length_delimiter(&mut frame).map_err(|_| DecodeError::Malformed)?;
        let body = frame.get(..length).ok_or(DecodeError::Malformed)?;
        commands.push(Command::decode(body).map_err(|_| DecodeError::Malformed)?);
        frame = &frame[length..];
    }
    Ok(commands)
}

/// Appends a reply with its length.
pub fn encode(reply: &Reply, out: &mut Vec<u8>) {
    out.reserve(reply.encoded_len() + 5);
    // A Vec grows as needed, so the only error (no room) cannot happen.
    let _ = reply.encode_length_delimited(out);
}
