use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parlance_core::{Error, Num, Reason, Result};
use parlance_proto::event::Event;
use parlance_sql::Committed;
use parlance_telemetry::trace;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::Outcome;
use super::publisher::Publisher;
use super::touch::touch;
use crate::service::Service;

/// Announcements handled together.
const TOGETHER: usize = 32;
/// Announcements that may wait before the committer and the consumer wait as well.
const ROOM: usize = 512;
/// Announcements that may wait before changes are refused.
const MOST_WAITING: usize = 8192;

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
