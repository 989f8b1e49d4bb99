//! How topics and messages are written in Redis.

use std::sync::Arc;

use parlance_proto::event::BusMessage;
use parlance_proto::event::bus_message::{Body, Heads, Wake};
use prost::Message as _;

use crate::{Message, Topic};

/// Names of topics: `parlance:bus:{stream:17}`. What stands in braces decides on which node of a
/// cluster a topic lies, so that topics spread.
#[derive(Debug, Clone)]
pub(super) struct Names {
    prefix: Arc<str>,
    publisher: u64,
}

impl Names {
    pub(super) fn new(prefix: &str, publisher: u64) -> Self {
        Self { prefix: prefix.into(), publisher }
    }

    pub(super) fn of(&self, topic: Topic) -> String {
        let prefix = &self.prefix;
        match topic {
            Topic::Stream(number) => format!("{prefix}:bus:{{stream:{number}}}"),
            Topic::Accounts => format!("{prefix}:bus:{{accounts}}"),
            Topic::Presence => format!("{prefix}:bus:{{presence}}"),
            Topic::Log(service) => format!("{prefix}:bus:{{log:{service}}}"),
            // Of this process alone: nobody else has anything to do with it.
            Topic::Probe => format!("{prefix}:bus:{{probe:{:016x}}}", self.publisher),
        }
    }
}

/// A `parlance.event.v1.BusMessage`.
pub(super) fn encode(message: &Message, publisher: u64, sequence: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let body = match message {
        Message::Event(event) => {
            // Field 1, without a copy of the event: it may be shared.
            prost::encoding::message::encode(1, &**event, &mut bytes);
            None
        }
        Message::Wake => Some(Body::Wake(Wake {})),
        Message::Heads(heads) => Some(Body::Heads(Heads { heads: heads.to_vec() })),
    };
    // Fields may follow each other in any order.
    bytes.extend(BusMessage { body, publisher, sequence }.encode_to_vec());
    bytes
}

/// A message as it travelled.
pub(super) struct Travelled {
    pub(super) publisher: u64,
    pub(super) sequence: u64,
    /// `None` = of a kind that this version does not know.
    pub(super) message: Option<Message>,
}

/// `None` if the bytes are no message.
pub(super) fn decode(bytes: &[u8]) -> Option<Travelled> {
    let BusMessage { publisher, sequence, body } = BusMessage::decode(bytes).ok()?;
    let message = body.map(|body| match body {
        Body::Event(event) => Message::Event(Arc::new(event)),
        Body::Wake(Wake {}) => Message::Wake,
        Body::Heads(Heads { heads }) => Message::Heads(heads.into()),
    });
    Some(Travelled { publisher, sequence, message })
}

#[cfg(test)]
mod tests {
    use parlance_proto::event::Event;

    use super::*;

    #[test]
    fn an_event_is_written_as_the_contract_says() {
        let event = Event { id: "e".into(), offset: 7, ..Event::default() };
        let bytes = encode(&Message::Event(Arc::new(event.clone())), 5, 6);
        let read = BusMessage::decode(bytes.as_slice()).unwrap();
        assert_eq!(read, BusMessage { body: Some(Body::Event(event)), publisher: 5, sequence: 6 });
    }

    #[test]
    fn what_a_later_version_sends_is_no_error() {
        let travelled =
            decode(&BusMessage { body: None, publisher: 1, sequence: 2 }.encode_to_vec()).unwrap();
        assert!(travelled.message.is_none());
        assert_eq!((travelled.publisher, travelled.sequence), (1, 2));
        assert!(decode(b"\xff\xff").is_none());
    }
}
