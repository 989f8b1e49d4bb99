//! How far streams have come, as the message service says every second: whoever shows one and is
//! behind reads its log, since the bus may have lost the event that it waits for.

use std::sync::Arc;
use std::time::Duration;

use parlance_proto::event::{StreamHead, stream::Kind};

use super::repair;
use super::stream::{Stream, StreamKey};
use crate::state::Edge;

/// Time in which an event that is on its way arrives.
pub const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// Repairs the streams that are behind, unless their events arrive meanwhile.
pub fn hear(edge: &Edge, heads: &Arc<[StreamHead]>) {
    edge.hub().unread().heads(heads);
    let behind: Vec<(Arc<Stream>, usize)> = heads
        .iter()
        .enumerate()
        .filter_map(|(index, head)| Some((shown(edge, head)?, index)))
        .filter(|(stream, index)| is_behind(stream, &heads[*index]))
        .collect();
    if behind.is_empty() {
        return;
    }
    let (edge, heads) = (edge.clone(), heads.clone());
    edge.clone().tasks().spawn(async move {
        tokio::select! {
            () = edge.stop().cancelled() => return,
            () = tokio::time::sleep(ON_ITS_WAY) => {}
        }
        for (stream, index) in behind {
            if is_behind(&stream, &heads[index]) {
                metrics::counter!("parlance_realtime_behind_total").increment(1);
                repair::repair(&edge, &stream);
            }
        }
    });
}

/// The stream, if somebody here is subscribed to it.
fn shown(edge: &Edge, head: &StreamHead) -> Option<Arc<Stream>> {
    let name = head.stream.as_ref()?;
    let key = match name.kind() {
        Kind::Chat => StreamKey::chat(name.num),
        Kind::User => StreamKey::user(name.num),
        Kind::App | Kind::Unspecified => return None,
    };
    edge.hub().stream(key).filter(|stream| stream.app.to_string() == head.app_id)
}

fn is_behind(stream: &Stream, head: &StreamHead) -> bool {
    stream.is_behind(&head.epoch, head.offset)
}
