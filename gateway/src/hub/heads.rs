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
        Kind::App | Kind::Workspace | Kind::Unspecified => return None,
    };
    edge.hub().stream(key).filter(|stream| stream.app.to_string() == head.app_id)
}

fn is_behind(stream: &Stream, head: &StreamHead) -> bool {
    stream.is_behind(&head.epoch, head.offset)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use parlance_bus::{Bus as _, MemoryBus, Message, Topic};
    use parlance_proto::event::{Event, Stream as StreamName};
    use parlance_proto::message::{ReadStreamsRequest, ReadStreamsResponse, read_streams_response};
    use uuid::Uuid;

    use super::super::connection::{Connection, QueueLimits};
    use super::super::fake;
    use super::super::stream::{LogRead, Wish};
    use super::*;
    use crate::realtime::protocol::Protocol;

    const EPOCH: &str = "E";
    const TOP: u64 = 3;

    fn event(offset: u64) -> Event {
        let stream = Some(StreamName { kind: Kind::Chat.into(), num: 1 });
        let app_id = Uuid::nil().to_string();
        Event { app_id, stream, offset, epoch: EPOCH.into(), ..Default::default() }
    }

    /// An edge whose message service has a log of three entries and counts how often it is asked.
    async fn edge_with_log_of_three(bus: Arc<MemoryBus>, asked: Arc<AtomicUsize>) -> Edge {
        let answer = move |call: &str, request: &[u8]| {
            if call != "ReadStreams" {
                return None;
            }
            asked.fetch_add(1, Ordering::SeqCst);
            let request: ReadStreamsRequest = fake::decoded(request);
            let results = request.positions.iter().map(|position| read_streams_response::Result {
                stream: position.stream,
                epoch: EPOCH.into(),
                top_offset: TOP,
                first_offset: 1,
                events: (position.offset + 1..=TOP).map(event).collect(),
            });
            fake::encoded(&ReadStreamsResponse { results: results.collect() })
        };
        fake::edge(bus, answer).await
    }

    struct Shown {
        edge: Edge,
        bus: Arc<MemoryBus>,
        asked: Arc<AtomicUsize>,
        stream: Arc<Stream>,
        _connection: Arc<Connection>,
    }

    /// A gateway that shows a stream up to its second entry.
    async fn shown() -> Shown {
        let (bus, asked) = (Arc::new(MemoryBus::new()), Arc::new(AtomicUsize::new(0)));
        let edge = edge_with_log_of_three(bus.clone(), asked.clone()).await;
        let limits = QueueLimits { soft_bytes: 1 << 20, hard_bytes: 1 << 24, age: Duration::from_secs(60) };
        let connection = Arc::new(Connection::new(1, Protocol::Json, limits));
        let stream = edge.hub().subscribe(StreamKey::chat(1), Uuid::nil(), "chat:a:b", 1, &connection, false);
        edge.hub().hear(&stream).await.unwrap();
        let read = LogRead { epoch: EPOCH.into(), top: 2, first: 1, entries: Arc::default() };
        stream.join(1, 7, &Wish::default(), Some(&read)).0.unwrap();
        Shown { edge, bus, asked, stream, _connection: connection }
    }

    async fn say_heads(shown: &Shown) {
        let head = StreamHead {
            app_id: Uuid::nil().to_string(),
            stream: Some(shown.stream.key.name()),
            epoch: EPOCH.into(),
            offset: TOP,
        };
        shown.bus.publish(vec![(Topic::chat(1), Message::Heads([head].into()))]).await.unwrap();
    }

    async fn caught_up(shown: &Shown) {
        let catching_up = async {
            while shown.stream.is_behind(EPOCH, TOP) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), catching_up).await.expect("the stream catches up");
        shown.edge.stop().cancel();
    }

    #[tokio::test]
    async fn a_stream_whose_event_was_lost_is_read_from_its_log() {
        let shown = shown().await;
        say_heads(&shown).await;
        caught_up(&shown).await;
        assert!(shown.asked.load(Ordering::SeqCst) > 0);
    }

    #[tokio::test]
    async fn an_event_that_is_on_its_way_is_waited_for() {
        let shown = shown().await;
        let asked = shown.asked.load(Ordering::SeqCst);
        say_heads(&shown).await;
        let event = Message::Event(Arc::new(event(TOP)));
        shown.bus.publish(vec![(Topic::chat(1), event)]).await.unwrap();
        caught_up(&shown).await;
        tokio::time::sleep(ON_ITS_WAY * 2).await;
        assert_eq!(shown.asked.load(Ordering::SeqCst), asked, "nothing had to be read");
    }
}
