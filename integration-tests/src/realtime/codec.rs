use prost::Message as _;
use tokio_tungstenite::tungstenite::Message;

use super::wire::{Command, Reply};

/// How commands and replies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Json,
    Protobuf,
}

/// One thing in a frame from the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    Ping,
    Reply(Box<Reply>),
}

impl Encoding {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Json, Self::Protobuf];

    /// The subprotocol to ask for.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "centrifuge-json",
            Self::Protobuf => "centrifuge-protobuf",
        }
    }

    /// Many commands as one frame. A default command is a pong.
    pub fn encode(self, commands: &[Command]) -> Message {
        match self {
            Self::Json => {
                let lines: Vec<String> =
                    commands.iter().map(|command| serde_json::to_string(command).expect("plain")).collect();
                Message::text(lines.join("\n"))
            }
            Self::Protobuf => {
                let bytes: Vec<u8> =
                    commands.iter().flat_map(Command::encode_length_delimited_to_vec).collect();
                Message::binary(bytes)
            }
        }
    }

    /// What a frame holds; an error says what is wrong with it.
    pub fn decode(self, message: &Message) -> Result<Vec<Frame>, String> {
        match (self, message) {
            (Self::Json, Message::Text(text)) => text.split('\n').map(decode_line).collect(),
            (Self::Protobuf, Message::Binary(bytes)) => {
                let mut rest = bytes.clone();
                let mut frames = Vec::new();
                while !rest.is_empty() {
                    let reply =
                        Reply::decode_length_delimited(&mut rest).map_err(|error| error.to_string())?;
                    frames.push(if reply == Reply::default() {
                        Frame::Ping
                    } else {
                        Frame::Reply(Box::new(reply))
                    });
                }
                Ok(frames)
            }
            (encoding, message) => Err(format!("{encoding:?} frame with the wrong opcode: {message:?}")),
        }
    }
}

fn decode_line(line: &str) -> Result<Frame, String> {
    if line == "{}" {
        return Ok(Frame::Ping);
    }
    // Clients test for the presence of `error`, so null is as wrong as an empty object.
    let value: serde_json::Value =
        serde_json::from_str(line).map_err(|error| format!("{error}: {line:?}"))?;
    if value.get("error").is_some_and(|error| error["code"].as_u64().unwrap_or(0) == 0) {
        return Err(format!("an error without a code: {line}"));
    }
    serde_json::from_str(line)
        .map(|reply| Frame::Reply(Box::new(reply)))
        .map_err(|error| format!("{error}: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realtime::wire::*;

    fn sample() -> Reply {
        let publication =
            Publication { data: br#"{"type":"t","payload":{}}"#.to_vec(), offset: 7, ..Default::default() };
        let push = Push { channel: "chat:A:C".into(), publication: Some(publication), ..Default::default() };
        Reply { push: Some(push), ..Default::default() }
    }

    #[test]
    fn json_frames_hold_lines_and_pings() {
        let line = r#"{"push":{"channel":"chat:A:C","pub":{"data":{"type":"t","payload":{}},"offset":7}}}"#;
        let frames = Encoding::Json.decode(&Message::text(format!("{line}\n{{}}"))).unwrap();
        assert_eq!(frames, [Frame::Reply(Box::new(sample())), Frame::Ping]);
    }

    #[test]
    fn protobuf_frames_hold_prefixed_messages_and_pings() {
        let mut bytes = sample().encode_length_delimited_to_vec();
        bytes.push(0);
        let frames = Encoding::Protobuf.decode(&Message::binary(bytes)).unwrap();
        assert_eq!(frames, [Frame::Reply(Box::new(sample())), Frame::Ping]);
    }

    #[test]
    fn fields_outside_the_contract_are_reported() {
        for line in [r#"{"id":1,"surprise":{}}"#, r#"{"id":1,"error":null}"#, r#"{"id":1,"error":{}}"#, ""] {
            assert!(Encoding::Json.decode(&Message::text(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn empty_fields_are_left_out() {
        let command = Command {
            id: 1,
            connect: Some(ConnectRequest { token: "t".into(), ..Default::default() }),
            ..Default::default()
        };
        let text = Encoding::Json.encode(&[command, Command::default()]);
        assert_eq!(text, Message::text("{\"id\":1,\"connect\":{\"token\":\"t\"}}\n{}"));
    }
}
