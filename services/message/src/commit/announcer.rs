use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Message as BusMessage, Topic};
use parlance_core::{Error, Num, Reason, Result};
use parlance_proto::event::Event;
use parlance_sql::Committed;
use parlance_telemetry::trace;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::Outcome;
use super::touch::touch;
use crate::bodies;
use crate::service::Service;

/// Announcements handled together.
const TOGETHER: usize = 32;
/// Announcements that may wait before the committer and the consumer wait as well.
const ROOM: usize = 512;
/// Announcements that may wait before changes are refused.
const MOST_WAITING: usize = 8192;
/// Longest that publishing may take before clients are left to the log.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);
/// Rounds of events that may wait for the bus.
const UNPUBLISHED: usize = 256;

/// Tells a sender what became of his message.
pub type Ack = (oneshot::Sender<Outcome>, Outcome);

/// What follows a commit.
#[derive(Default)]
pub struct Announcement {
    pub app: Uuid,
    /// Newest seq of channels that got messages, and the time of the newest in their main list.
    pub touched: HashMap<Num, (i64, Option<i64>)>,
    pub acks: Vec<Ack>,
    /// To be published in this order; bodies are joined where they are missing.
    pub events: Vec<Event>,
    /// Place of the commit in the trace that it belongs to; empty = it is in none that is recorded.
    pub trace: String,
}

/// The way to the announcer.
pub struct Announcer {
    queue: mpsc::UnboundedSender<Announcement>,
    /// Announcements that wait.
    waiting: watch::Sender<usize>,
}

pub type Announcements = mpsc::UnboundedReceiver<Announcement>;

impl Announcer {
    pub fn new() -> (Self, Announcements) {
        let (queue, receiver) = mpsc::unbounded_channel();
        (Self { queue, waiting: watch::channel(0).0 }, receiver)
    }

    /// Queues what follows a commit. The proof of the commit is held until it stands in the queue,
    /// so announcements stand there in commit order.
    pub fn announce(&self, committed: Committed, announcement: Announcement) {
        self.announce_uncommitted(announcement);
        drop(committed);
    }

    /// For events that no commit stands behind (offset 0).
    pub fn announce_uncommitted(&self, announcement: Announcement) {
        self.waiting.send_modify(|waiting| *waiting += 1);
        // The receiver outlives every sender but the last moments of a stop.
        let _ = self.queue.send(announcement);
    }

    /// Returns once few enough announcements wait: those who write in the background wait here, so that
    /// a channel service or bus that hangs does not fill the memory.
    pub async fn room(&self) {
        // The sender is part of self.
        let _ = self.waiting.subscribe().wait_for(|waiting| *waiting < ROOM).await;
    }

    /// OVERLOADED if far too many announcements wait.
    pub fn require_room(&self) -> Result<()> {
        if *self.waiting.borrow() < MOST_WAITING {
            return Ok(());
        }
        Err(Error::new(Reason::Overloaded, "too many changes wait to be announced")
            .with_retry_after(Duration::from_secs(1)))
    }

    fn done(&self, count: usize) {
        self.waiting.send_modify(|waiting| *waiting = waiting.saturating_sub(count));
    }
}

/// Runs until the service and its announcer are gone or stopped.
pub async fn announce_all(service: Arc<Service>, mut announcements: Announcements) {
    let publisher = Publisher::start(&service);
    let mut batch = Vec::with_capacity(TOGETHER);
    loop {
        tokio::select! {
            biased;
            count = announcements.recv_many(&mut batch, TOGETHER) => if count == 0 { return },
            () = service.stop.cancelled() => {
                // The committer may still have some; give it the time of its last commit.
                let last = tokio::time::timeout(
                    Duration::from_millis(500),
                    announcements.recv_many(&mut batch, TOGETHER),
                );
                if !matches!(last.await, Ok(count) if count > 0) {
                    return;
                }
            }
        }
        let count = batch.len();
        touch(&service, &batch).await;
        let mut events = Vec::new();
        for announcement in batch.drain(..) {
            for (sender, outcome) in announcement.acks {
                // A sender that has gone away meanwhile finds its message by its own id.
                let _ = sender.send(outcome);
            }
            let mut told = announcement.events;
            for event in told.iter_mut().filter(|event| trace::same_trace(&event.trace, &announcement.trace))
            {
                event.trace.clone_from(&announcement.trace);
            }
            events.push((announcement.app, told));
        }
        publisher.publish(events);
        service.announcer.done(count);
    }
}

/// Events of one round, by app, in order.
type Events = Vec<(Uuid, Vec<Event>)>;

/// Publishes beside the announcer, so that a bus that hangs does not delay acknowledgements.
struct Publisher {
    queue: mpsc::Sender<Events>,
}

impl Publisher {
    fn start(service: &Arc<Service>) -> Self {
        let (queue, mut events) = mpsc::channel::<Events>(UNPUBLISHED);
        let own = service.clone();
        service.tasks.spawn(async move {
            while let Some(events) = events.recv().await {
                publish(&own, events).await;
            }
        });
        Self { queue }
    }

    /// Hands events over, in order, and never waits: those that find no room are left to the log.
    fn publish(&self, events: Events) {
        if let Err(TrySendError::Full(events) | TrySendError::Closed(events)) = self.queue.try_send(events) {
            unpublished(events.iter().map(|(_, events)| events.len()).sum());
        }
    }
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
    match tokio::time::timeout(PUBLISH_TIMEOUT, service.bus.publish(messages)).await {
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
