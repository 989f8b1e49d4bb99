//! Unread counts of connected users, derived from what happens in their channels.
//!
//! A send writes no row per member, so nobody tells each member of his new count. For users with a
//! `user:` subscription the counts are loaded once (`load`) and then kept exact: every counted message and
//! every deletion moves them, a new read position sets them (`apply`). What changed is pushed at most once per
//! window, the latest value wins (`push`). One task owns all of it (`task`), so nothing is locked.
//!
//! What the bus brings waits in a queue with an end (`news`). What does not fit is dropped, and everything is
//! loaded anew once the task has caught up: the way that is taken after the bus itself has lost something.

mod apply;
mod counts;
mod heard;
mod line;
mod load;
mod news;
mod order;
mod push;
mod task;
#[cfg(test)]
mod tests;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parlance_core::Num;
use parlance_proto::event::{Event, StreamHead};
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

use self::news::News;
use self::order::Order;
use self::task::Counting;
use super::connection::Connection;
use crate::state::Edge;

/// News that may wait for the task: more than a repair of one stream brings at once.
const NEWS_WAITING: usize = 16_384;

/// The way to the task that counts.
pub struct Tracker {
    orders: mpsc::UnboundedSender<Order>,
    news: mpsc::Sender<News>,
    lost: Arc<Notify>,
    tracked: Arc<AtomicUsize>,
}

impl Tracker {
    pub fn start(edge: &Edge) -> Self {
        let (orders, ordered) = mpsc::unbounded_channel();
        let (news, heard) = mpsc::channel(NEWS_WAITING);
        let (lost, tracked) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let counting = Counting::new(edge, orders.clone(), tracked.clone());
        edge.tasks().spawn(counting.run(ordered, heard, lost.clone()));
        Self { orders, news, lost, tracked }
    }

    /// Counts for a user, and pushes the current values to this connection. To be balanced by
    /// [`untrack`](Self::untrack).
    pub fn track(&self, app: Uuid, user: Num, connection: &Arc<Connection>) {
        self.order(Order::Track { app, user, connection: connection.clone() });
    }

    pub fn untrack(&self, user: Num, connection: &Connection) {
        self.order(Order::Untrack { user, connection: connection.number });
    }

    /// Counts an event, if it moves counts. Never waits.
    pub fn observe(&self, event: &Event) {
        if self.tracks_anybody()
            && let Some(news) = News::of(event)
        {
            self.tell(news);
        }
    }

    /// Compares what was heard with how far the channels have come, once what is on its way has arrived.
    pub fn heads(&self, heads: &Arc<[StreamHead]>) {
        if self.tracks_anybody() {
            self.tell(News::Heads(heads.clone()));
        }
    }

    /// Events were lost: everything is loaded anew.
    pub fn reload(&self) {
        self.lost.notify_one();
    }

    fn tracks_anybody(&self) -> bool {
        self.tracked.load(Ordering::Acquire) > 0
    }

    fn tell(&self, news: News) {
        // Closed only while stopping.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.news.try_send(news) {
            metrics::counter!("parlance_realtime_unread_dropped_total").increment(1);
            self.reload();
        }
    }

    fn order(&self, order: Order) {
        // Fails only while stopping.
        let _ = self.orders.send(order);
    }
}
