use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parlance_bus::{Message as BusMessage, Topic};
use parlance_proto::event::Event;
use prost::Message as _;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::bodies;
use crate::service::Service;

/// Longest that publishing may take before clients are left to the log.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Memory of the events that may wait for the bus: tens of thousands of usual ones.
const ROOM: usize = 64 << 20;
/// What an event takes beside its contents.
const OVERHEAD: usize = size_of::<Event>() + 256;
/// Rounds that wait are published together up to about this many events.
const TOGETHER: usize = 1_000;

/// Events by app, in order.
pub type Events = Vec<(Uuid, Vec<Event>)>;

/// Publishes beside the announcer, so that a bus that hangs does not delay acknowledgements.
pub struct Publisher {
    queue: mpsc::UnboundedSender<Round>,
    /// Bytes that wait or are being published.
    waiting: Arc<AtomicUsize>,
    room: usize,
}

/// The events of one round of announcements, and what they take.
struct Round {
    events: Events,
    bytes: usize,
}

/// Where the rounds arrive.
struct Rounds {
    queue: mpsc::UnboundedReceiver<Round>,
    waiting: Arc<AtomicUsize>,
}

impl Publisher {
    /// Publishes until this is dropped and nothing is left.
    pub fn start(service: &Arc<Service>) -> Self {
        let (publisher, mut rounds) = Self::new(ROOM);
        let own = service.clone();
        service.tasks.spawn(async move {
            while let Some((events, bytes)) = rounds.next().await {
                publish(&own, events).await;
                rounds.done(bytes);
            }
        });
        publisher
    }

    fn new(room: usize) -> (Self, Rounds) {
        let ((queue, receiver), waiting) = (mpsc::unbounded_channel(), Arc::new(AtomicUsize::new(0)));
        (Self { queue, waiting: waiting.clone(), room }, Rounds { queue: receiver, waiting })
    }

    /// Hands events over, in order, and never waits: those that find no room are left to the log.
    pub fn publish(&self, events: Events) {
        let count = count(&events);
        if count == 0 {
            return;
        }
        let bytes = bytes(&events);
        let before = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        // One round always has room, however large it is.
        let fits = before == 0 || before.saturating_add(bytes) <= self.room;
        if !fits || self.queue.send(Round { events, bytes }).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            unpublished(count);
        }
    }
}

impl Rounds {
    /// What waits, several rounds as one. `None` = there will be no more.
    async fn next(&mut self) -> Option<(Events, usize)> {
        let Round { mut events, mut bytes } = self.queue.recv().await?;
        while count(&events) < TOGETHER
            && let Ok(more) = self.queue.try_recv()
        {
            events.extend(more.events);
            bytes += more.bytes;
        }
        Some((by_app(events), bytes))
    }

    fn done(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn count(events: &Events) -> usize {
    events.iter().map(|(_, events)| events.len()).sum()
}

fn bytes(events: &Events) -> usize {
    events.iter().flat_map(|(_, events)| events).map(|event| event.encoded_len() + OVERHEAD).sum()
}

/// One entry an app. A stream belongs to one app, so every stream keeps its order.
fn by_app(events: Events) -> Events {
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    let mut merged = Events::new();
    for (app, mut events) in events {
        match places.get(&app) {
            Some(&place) => merged[place].1.append(&mut events),
            None => {
                places.insert(app, merged.len());
                merged.push((app, events));
            }
        }
    }
    merged
}

/// Counts events that are left to the log.
fn unpublished(count: usize) {
    metrics::counter!("parlance_events_unpublished_total").increment(count as u64);
}

/// Publishes events in order. Whoever misses one finds it in the log.
async fn publish(service: &Service, events: Events) {
    let mut messages = Vec::new();
    for (app, mut events) in events {
        if let Err(error) = bodies::join(service, app, &mut events).await {
            tracing::warn!(%error, "events are not published live; clients recover them from the log");
            unpublished(events.len());
            continue;
        }
        for event in events {
            if let Some(topic) = event.stream.as_ref().map(Topic::of) {
                messages.push((topic, BusMessage::Event(Arc::new(event))));
            }
        }
    }
    if messages.is_empty() {
        return;
    }
    let count = messages.len();
    // Those who follow the log of all streams.
    messages.push((Topic::Log("message"), BusMessage::Wake));
    match tokio::time::timeout(TIMEOUT, service.bus.publish(messages)).await {
        Ok(Ok(())) => metrics::counter!("parlance_events_published_total").increment(count as u64),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the bus did not take events; clients recover them from the log");
            unpublished(count);
        }
        Err(_) => {
            tracing::warn!("the bus did not take events in time; clients recover them from the log");
            unpublished(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(offset: u64) -> Event {
        Event { offset, ..Event::default() }
    }

    fn offsets(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.offset).collect()
    }

    #[tokio::test]
    async fn thousands_of_small_rounds_wait_for_a_slow_bus_and_go_out_together_in_order() {
        let (publisher, mut rounds) = Publisher::new(ROOM);
        let apps = [Uuid::from_u128(1), Uuid::from_u128(2)];
        for offset in 0..5_000 {
            publisher.publish(vec![(apps[0], vec![event(offset)]), (apps[1], vec![event(offset)])]);
        }
        drop(publisher);
        let (mut times, mut told) = (0, [Vec::new(), Vec::new()]);
        while let Some((events, bytes)) = rounds.next().await {
            assert!(events.iter().map(|(app, _)| *app).eq(apps));
            for ((_, events), told) in events.into_iter().zip(&mut told) {
                told.extend(offsets(&events));
            }
            times += 1;
            rounds.done(bytes);
        }
        assert!(told.iter().all(|told| *told == (0..5_000).collect::<Vec<_>>()));
        assert!(times <= 10_000 / TOGETHER, "{times} calls of the bus");
        assert_eq!(rounds.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn memory_is_bounded_and_what_finds_no_room_is_left_to_the_log() {
        let (publisher, mut rounds) = Publisher::new(10 * (OVERHEAD + 8));
        let app = Uuid::nil();
        for offset in 1..=30 {
            publisher.publish(vec![(app, vec![event(offset)])]);
        }
        let (events, bytes) = rounds.next().await.unwrap();
        let kept = offsets(&events[0].1);
        assert!(kept.len() >= 10 && kept.len() < 15 && kept[0] == 1, "{kept:?}");
        // While it is published it still takes its room.
        publisher.publish(vec![(app, vec![event(31)])]);
        rounds.done(bytes);
        publisher.publish(vec![(app, vec![event(32); 40])]);
        assert_eq!(rounds.next().await.unwrap().0[0].1.len(), 40, "a round that is alone has room");
    }
}
