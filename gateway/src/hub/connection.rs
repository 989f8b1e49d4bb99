//! What the hub knows of one connection: whose it is, and what waits to be written to it.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use parlance_core::{Micros, Num};
use tokio::sync::Notify;
use uuid::Uuid;

use super::publication::{Class, Publication};
use crate::config::RealtimeSettings;
use crate::realtime::codes::{CloseCode, UnsubscribeCode};
use crate::realtime::protocol::Protocol;

/// Bounds of a connection's queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Bytes from which ephemeral publications are dropped and only the latest unread counts kept.
    pub soft_bytes: usize,
    /// Bytes at which the connection counts as slow.
    pub hard_bytes: usize,
    /// Age of the oldest entry at which the connection counts as slow.
    pub age: Duration,
}

impl QueueLimits {
    pub fn of(settings: &RealtimeSettings) -> Self {
        Self {
            soft_bytes: settings.soft_queue_bytes,
            hard_bytes: settings.max_queue_bytes,
            age: Duration::from_secs(settings.max_queue_age_s.into()),
        }
    }
}

/// Whose connection it is.
#[derive(Debug)]
pub struct Owner {
    pub app: Uuid,
    pub user: Num,
    pub user_id: Box<str>,
}

/// The login behind the token last presented.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// Empty for tokens that a backend signed itself.
    pub session: Box<str>,
    pub issued_at: Micros,
}

/// Something for the connection's own task to write or do.
#[derive(Debug)]
pub enum Item {
    Publication(Arc<Publication>),
    /// The hub has ended a subscription of this number.
    Ended {
        subscription: u64,
        code: UnsubscribeCode,
    },
}

/// The hub's end of a connection. The other end is the task that owns the socket.
#[derive(Debug)]
pub struct Connection {
    /// Unique in this process.
    pub number: u64,
    /// The id that the client is told.
    pub client: Uuid,
    pub protocol: Protocol,
    limits: QueueLimits,
    owner: OnceLock<Owner>,
    login: Mutex<Login>,
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    /// When the oldest item was queued.
    since: Option<Instant>,
    close: Option<CloseCode>,
}

/// What was queued.
#[derive(Debug, Default)]
pub struct Taken {
    pub items: VecDeque<Item>,
    pub bytes: usize,
    /// The connection is to be closed once the items are written.
    pub close: Option<CloseCode>,
}

impl Connection {
    pub fn new(number: u64, protocol: Protocol, limits: QueueLimits) -> Self {
        Self {
            number,
            client: Uuid::new_v4(),
            protocol,
            limits,
            owner: OnceLock::new(),
            login: Mutex::default(),
            queue: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// `None` until the client has presented a valid token.
    pub fn owner(&self) -> Option<&Owner> {
        self.owner.get()
    }

    pub(super) fn set_owner(&self, owner: Owner) {
        // A second connect is refused before it gets here.
        let _ = self.owner.set(owner);
    }

    pub fn login(&self) -> Login {
        self.login.lock().clone()
    }

    pub fn set_login(&self, login: Login) {
        *self.login.lock() = login;
    }

    /// Queues publications, in order. A connection that cannot keep up is marked for closing.
    pub fn publish<'a>(&self, publications: impl Iterator<Item = &'a Arc<Publication>>, now: Instant) {
        let mut queue = self.queue.lock();
        if queue.close.is_some() {
            return;
        }
        let idle = queue.items.is_empty();
        for publication in publications {
            if !queue.admit(publication, &self.limits) {
                continue;
            }
            queue.bytes += publication.weight();
            if let Some(delivery) = publication.delivery() {
                delivery.queued();
            }
            queue.items.push_back(Item::Publication(publication.clone()));
        }
        if queue.items.is_empty() {
            return;
        }
        let since = *queue.since.get_or_insert(now);
        if queue.bytes > self.limits.hard_bytes || now.duration_since(since) > self.limits.age {
            metrics::counter!("parlance_realtime_slow_consumers_total").increment(1);
            queue.items.clear();
            queue.bytes = 0;
            queue.close = Some(CloseCode::Slow);
        }
        let wake = idle || queue.close.is_some();
        drop(queue);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Drops what is queued for a channel that the client has left.
    pub fn drop_channel(&self, channel: &str) {
        let mut queue = self.queue.lock();
        let Queue { items, bytes, .. } = &mut *queue;
        items.retain(|item| match item {
            Item::Publication(publication) if publication.channel() == channel => {
                *bytes -= publication.weight();
                false
            }
            _ => true,
        });
    }

    /// Tells the connection's task that a subscription is over.
    pub fn end(&self, subscription: u64, code: UnsubscribeCode) {
        self.queue.lock().items.push_back(Item::Ended { subscription, code });
        self.wake.notify_one();
    }

    /// Has the connection closed after what is queued; the first code counts.
    pub fn close(&self, code: CloseCode) {
        self.queue.lock().close.get_or_insert(code);
        self.wake.notify_one();
    }

    /// Whether the connection is to be closed.
    pub fn closing(&self) -> Option<CloseCode> {
        self.queue.lock().close
    }

    /// Everything queued; the queue is empty afterwards and holds no memory.
    pub fn take(&self) -> Taken {
        let mut queue = self.queue.lock();
        queue.since = None;
        Taken {
            items: std::mem::take(&mut queue.items),
            bytes: std::mem::take(&mut queue.bytes),
            close: queue.close,
        }
    }

    /// Returns when something may have been queued since the last [`take`](Self::take).
    pub async fn woken(&self) {
        self.wake.notified().await;
    }
}

impl Queue {
    /// Applies the soft limit: whether this publication is to be queued.
    fn admit(&mut self, publication: &Publication, limits: &QueueLimits) -> bool {
        if self.bytes + publication.weight() <= limits.soft_bytes {
            return true;
        }
        match publication.class() {
            Class::Durable => true,
            Class::Ephemeral => false,
            Class::Latest(key) => {
                let older = self.items.iter().position(
                    |item| matches!(item, Item::Publication(queued) if queued.class() == Class::Latest(key)),
                );
                if let Some(Item::Publication(older)) = older.and_then(|index| self.items.remove(index)) {
                    self.bytes -= older.weight();
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn connection(soft_bytes: usize, hard_bytes: usize) -> Connection {
        let limits = QueueLimits { soft_bytes, hard_bytes, age: Duration::from_secs(5) };
        Connection::new(1, Protocol::Json, limits)
    }

    fn publication(size: usize, class: Class) -> Arc<Publication> {
        Arc::new(Publication::new("c".into(), Bytes::from(vec![b'1'; size]), 0, "", class))
    }

    fn send(connection: &Connection, publication: &Arc<Publication>) {
        connection.publish(std::iter::once(publication), Instant::now());
    }

    #[test]
    fn above_the_soft_limit_ephemeral_ones_are_dropped_and_counts_replaced() {
        let connection = connection(1000, 100_000);
        send(&connection, &publication(800, Class::Durable));
        send(&connection, &publication(10, Class::Ephemeral));
        send(&connection, &publication(800, Class::Durable));
        send(&connection, &publication(10, Class::Ephemeral));
        for _ in 0..5 {
            send(&connection, &publication(10, Class::Latest(1)));
        }
        send(&connection, &publication(10, Class::Latest(2)));
        let taken = connection.take();
        let classes: Vec<Class> = taken
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Publication(publication) => Some(publication.class()),
                Item::Ended { .. } => None,
            })
            .collect();
        assert_eq!(
            classes,
            [Class::Durable, Class::Ephemeral, Class::Durable, Class::Latest(1), Class::Latest(2)]
        );
        assert_eq!(taken.close, None);
    }

    #[test]
    fn the_hard_limit_closes_as_slow_and_frees_the_queue() {
        let connection = connection(1000, 10_000);
        for _ in 0..20 {
            send(&connection, &publication(900, Class::Durable));
        }
        assert_eq!(connection.closing(), Some(CloseCode::Slow));
        assert!(connection.take().items.is_empty());
    }

    #[test]
    fn an_old_head_closes_as_slow() {
        let connection = connection(1000, 10_000);
        let now = Instant::now();
        let one = publication(1, Class::Durable);
        connection.publish(std::iter::once(&one), now);
        connection.publish(std::iter::once(&one), now + Duration::from_secs(4));
        assert_eq!(connection.closing(), None);
        connection.publish(std::iter::once(&one), now + Duration::from_secs(6));
        assert_eq!(connection.closing(), Some(CloseCode::Slow));
    }

    #[test]
    fn taking_resets_age_and_bytes() {
        let connection = connection(1000, 2_000);
        let now = Instant::now();
        let one = publication(900, Class::Durable);
        for round in 0..10 {
            connection.publish(std::iter::once(&one), now + Duration::from_secs(4 * round));
            assert_eq!(connection.take().items.len(), 1);
        }
        assert_eq!(connection.closing(), None);
    }

    #[test]
    fn the_first_reason_to_close_counts() {
        let connection = connection(1000, 2_000);
        connection.close(CloseCode::ForceDisconnect);
        connection.close(CloseCode::Shutdown);
        assert_eq!(connection.take().close, Some(CloseCode::ForceDisconnect));
    }
}
