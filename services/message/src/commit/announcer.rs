use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parlance_bus::{Message as BusMessage, Topic};
use parlance_core::{Caller, Error, Micros, Num, Reason, Result};
use parlance_proto::channel::{TouchRequest, touch_request::Activity};
use parlance_proto::event::Event;
use parlance_rpc::Context;
use parlance_sql::Committed;
use parlance_telemetry::trace;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::Outcome;
use crate::bodies;
use crate::service::Service;
use crate::store::heads;

/// Announcements handled together.
const TOGETHER: usize = 32;
/// Channels named in one call.
const TOUCHED_TOGETHER: usize = 100;
/// Longest wait for channel to take note of new messages before they are acknowledged anyway.
const TOUCH_TIMEOUT: Duration = Duration::from_secs(2);
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
    let mut publisher = Publisher::start(&service);
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
        publisher.publish(events).await;
        service.announcer.done(count);
    }
}

/// Rule 6 of the message path: channel knows of new messages before they are acknowledged.
async fn touch(service: &Service, batch: &[Announcement]) {
    let mut by_app: HashMap<Uuid, HashMap<Num, (i64, Option<i64>)>> = HashMap::new();
    // One call for all: it shows in the first trace that is recorded.
    let mut place = "";
    for announcement in batch {
        if place.is_empty() && !announcement.touched.is_empty() {
            place = &announcement.trace;
        }
        for (&channel, &(seq, at)) in &announcement.touched {
            let known = by_app.entry(announcement.app).or_default().entry(channel).or_default();
            *known = (known.0.max(seq), known.1.max(at));
        }
    }
    for (app, channels) in by_app {
        if let Err(error) = touch_channels(service, app, channels.into_iter().collect(), place).await {
            // The message is durable all the same; the next touch of the channel repairs the list.
            tracing::warn!(%error, "the channel service did not take note of new messages");
        }
    }
}

async fn touch_channels(
    service: &Service,
    app: Uuid,
    channels: Vec<(Num, (i64, Option<i64>))>,
    place: &str,
) -> Result<()> {
    let context = Context::new(Caller::service(app)).with_timeout(TOUCH_TIMEOUT).with_trace(Some(place));
    for some in channels.chunks(TOUCHED_TOGETHER) {
        let activities = some
            .iter()
            .map(|&(channel_num, (seq, at))| Activity {
                channel_num,
                last_seq: seq as u64,
                at: at.map(|at| Micros(at).timestamp()),
            })
            .collect();
        service.channel.clone().touch(context.request(TouchRequest { activities })).await?;
    }
    Ok(())
}

/// Events of one round, by app, in order.
type Events = Vec<(Uuid, Vec<Event>)>;

/// Publishes beside the announcer, so that a bus that hangs does not delay acknowledgements.
struct Publisher {
    queue: mpsc::Sender<Events>,
    /// The bus does not take events in time.
    stalled: Arc<AtomicBool>,
}

impl Publisher {
    fn start(service: &Arc<Service>) -> Self {
        let (queue, mut events) = mpsc::channel::<Events>(UNPUBLISHED);
        let stalled = Arc::new(AtomicBool::new(false));
        let (own, flag) = (service.clone(), stalled.clone());
        service.tasks.spawn(async move {
            while let Some(events) = events.recv().await {
                let in_time = publish(&own, events).await;
                flag.store(!in_time, Ordering::Relaxed);
            }
        });
        Self { queue, stalled }
    }

    /// Hands events over, in order. While the bus hangs, those that find no room are left to the log.
    async fn publish(&mut self, events: Events) {
        if !self.stalled.load(Ordering::Relaxed) {
            // Ends with the service at the latest.
            let _ = tokio::time::timeout(PUBLISH_TIMEOUT, self.queue.send(events)).await;
        } else if self.queue.try_send(events).is_err() {
            metrics::counter!("parlance_events_unpublished_total").increment(1);
        }
    }
}

/// Publishes events in order; whether the bus took them in time. Whoever misses one finds it in the log.
async fn publish(service: &Service, events: Events) -> bool {
    let mut messages = Vec::new();
    for (app, mut events) in events {
        if let Err(error) = bodies::join(service, app, &mut events).await {
            tracing::warn!(%error, "events are not published live; clients recover them from the log");
            continue;
        }
        for event in events {
            if let Some(topic) = event.stream.as_ref().map(Topic::of) {
                messages.push((topic, BusMessage::Event(Arc::new(event))));
            }
        }
    }
    if messages.is_empty() {
        return true;
    }
    metrics::counter!("parlance_events_published_total").increment(messages.len() as u64);
    match tokio::time::timeout(PUBLISH_TIMEOUT, service.bus.publish(messages)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "the bus did not take events; clients recover them from the log");
        }
        Err(_) => {
            tracing::warn!("the bus did not take events in time; clients recover them from the log");
            return false;
        }
    }
    true
}

/// Tells channel again of messages since an instant: what a replica that died between commit and touch
/// may have left untold.
pub async fn touch_since(service: &Service, since: Micros) -> Result<()> {
    let mut by_app: HashMap<Uuid, HashMap<Num, (i64, Option<i64>)>> = HashMap::new();
    for head in heads::recent(service.store.read(), since.0).await? {
        by_app.entry(head.app).or_default().insert(head.stream, (head.last_seq, Some(head.last_at)));
    }
    for (app, channels) in by_app {
        touch_channels(service, app, channels.into_iter().collect(), "").await?;
    }
    Ok(())
}
