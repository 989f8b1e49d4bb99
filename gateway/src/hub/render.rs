//! Events to publications of a stream, through the dialect that its subscribers speak.

use std::sync::Arc;

use bytes::Bytes;
use parlance_core::Num;
use parlance_proto::event::{Event, event::Payload};

use super::publication::{Class, Publication};
use super::stream::{Live, Stream};
use crate::dialects::chatsdk;
use crate::state::Edge;

/// Renders an event for a stream, once for all subscribers.
pub async fn live(edge: &Edge, stream: &Stream, event: Arc<Event>) -> Live {
    let data = chatsdk::events::render(edge, &event).await;
    let publication = data.map(|data| {
        let class = class_of(&event);
        let publication = Publication::new(stream.channel.clone(), data, event.offset, &event.epoch, class);
        Arc::new(publication.live(&event))
    });
    Live { event, publication }
}

/// What may be dropped if somebody is slow.
pub fn class_of(event: &Event) -> Class {
    match event.payload {
        Some(Payload::TypingStarted(_) | Payload::TypingStopped(_) | Payload::PresenceChanged(_)) => {
            Class::Ephemeral
        }
        _ => Class::Durable,
    }
}

/// A user's unread count of one channel.
pub fn unread(stream: &Stream, channel: Num, count: u64) -> Arc<Publication> {
    let data = chatsdk::events::unread_changed(channel, count);
    Arc::new(Publication::new(stream.channel.clone(), data, 0, "", Class::Latest(channel as u64)))
}

/// A user's unread count of all channels.
pub fn total_unread(stream: &Stream, count: u64) -> Arc<Publication> {
    let data = chatsdk::events::total_unread_changed(count);
    // No channel has num 0.
    Arc::new(Publication::new(stream.channel.clone(), data, 0, "", Class::Latest(0)))
}

/// Something without a place in the stream that it is shown in.
pub fn aside(stream: &Stream, data: Bytes, event: &Event) -> Arc<Publication> {
    Arc::new(Publication::new(stream.channel.clone(), data, 0, "", class_of(event)))
}
