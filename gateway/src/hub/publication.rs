//! One event on its way to many connections.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parlance_core::Micros;
use parlance_proto::event::Event;

use super::delivery::Delivery;
use crate::realtime::protocol::{self, Encoded, Protocol, Push, Reply};

/// What may happen to a publication when a connection is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Must arrive; if it cannot, the connection is closed and recovers.
    Durable,
    /// Dropped first: typing, presence.
    Ephemeral,
    /// A later one of the same key makes it superfluous: unread counts.
    Latest(u64),
}

/// Rendered data and its place in a stream, encoded at most once per protocol and shared.
#[derive(Debug)]
pub struct Publication {
    channel: Arc<str>,
    data: Bytes,
    offset: u64,
    /// Given with offset 1 alone, where a new epoch begins.
    epoch: Option<Box<str>>,
    class: Class,
    /// When the event behind it happened.
    at: Option<Micros>,
    /// The step of its trace, if that is recorded.
    delivery: Option<Arc<Delivery>>,
    json: OnceLock<Encoded>,
    protobuf: OnceLock<Encoded>,
}

impl Publication {
    pub fn new(channel: Arc<str>, data: Bytes, offset: u64, epoch: &str, class: Class) -> Self {
        let epoch = (offset == 1 && !epoch.is_empty()).then(|| epoch.into());
        let (json, protobuf) = (OnceLock::new(), OnceLock::new());
        Self { channel, data, offset, epoch, class, at: None, delivery: None, json, protobuf }
    }

    /// The same, as the live delivery of an event.
    pub fn live(self, event: &Event) -> Self {
        let at = event.occurred_at.as_ref().and_then(Micros::from_timestamp);
        Self { at, delivery: Delivery::of(event), ..self }
    }

    /// When the live event behind it happened.
    pub fn at(&self) -> Option<Micros> {
        self.at
    }

    pub fn delivery(&self) -> Option<&Delivery> {
        self.delivery.as_deref()
    }

    pub fn channel(&self) -> &str {
        &self.channel
    }

    pub fn class(&self) -> Class {
        self.class
    }

    /// About how many bytes it takes in a queue.
    pub fn weight(&self) -> usize {
        self.data.len() + self.channel.len() + 48
    }

    /// As an element of a subscribe reply.
    pub fn recovered(&self) -> protocol::Publication {
        protocol::Publication {
            data: self.data.clone(),
            offset: self.offset,
            epoch: self.epoch.as_deref().unwrap_or_default().to_owned(),
        }
    }

    /// As a push.
    pub fn encoded(&self, protocol: Protocol) -> Encoded {
        let once = match protocol {
            Protocol::Json => &self.json,
            Protocol::Protobuf => &self.protobuf,
        };
        once.get_or_init(|| {
            let push = Push {
                channel: self.channel.as_ref().to_owned(),
                publication: Some(self.recovered()),
                unsubscribe: None,
            };
            protocol.encode(&[Reply { push: Some(push), ..Reply::default() }])
        })
        .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_is_encoded_once_and_shared() {
        let publication =
            Publication::new("chat:a:b".into(), Bytes::from_static(b"{\"x\":1}"), 2, "E", Class::Durable);
        let (Encoded::Text(one), Encoded::Text(two)) =
            (publication.encoded(Protocol::Json), publication.encoded(Protocol::Json))
        else {
            unreachable!("JSON is text")
        };
        assert_eq!(one.as_str(), r#"{"push":{"channel":"chat:a:b","pub":{"data":{"x":1},"offset":2}}}"#);
        assert_eq!(one.as_str().as_ptr(), two.as_str().as_ptr());
    }

    #[test]
    fn the_epoch_travels_with_the_first_offset_alone() {
        let of = |offset| Publication::new("c".into(), Bytes::new(), offset, "E", Class::Durable).recovered();
        assert_eq!(of(1).epoch, "E");
        assert_eq!(of(2).epoch, "");
        assert_eq!(of(0).epoch, "");
    }
}
