//! The task that counts: takes what comes, does what is due.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use parlance_core::Num;
use parlance_proto::event::StreamHead;
use tokio::sync::{Notify, mpsc};

use super::line::Line;
use super::load::Listening;
use super::news::News;
use super::order::Order;
use super::users::{Channel, User};
use crate::state::Edge;

/// Orders and news taken at once.
const BATCH: usize = 512;
/// Longest time that the news are followed after a loss, before everything is loaded anew.
const CATCHING_UP: Duration = Duration::from_secs(2);
/// Shortest time between two reloads of everything.
const BETWEEN_RELOADS: Duration = Duration::from_secs(1);

pub struct Counting {
    pub edge: Edge,
    pub orders: mpsc::UnboundedSender<Order>,
    pub tracked: Arc<AtomicUsize>,
    pub muted_count: bool,
    pub window: Duration,
    pub users: HashMap<Num, User>,
    pub channels: HashMap<Num, Channel>,
    pub line: Line,
    pub listening: Listening,
    /// How far channels have come, and when it is time to compare.
    pub told: VecDeque<(Instant, Arc<[StreamHead]>)>,
    /// Users with values to push.
    pub dirty: HashSet<Num>,
    pub flush_at: Option<Instant>,
    /// Since when it is known that news were lost.
    pub lost_since: Option<Instant>,
    pub reloaded_at: Option<Instant>,
    pub last_generation: u64,
}

impl Counting {
    pub fn new(edge: &Edge, orders: mpsc::UnboundedSender<Order>, tracked: Arc<AtomicUsize>) -> Self {
        Self {
            edge: edge.clone(),
            orders,
            tracked,
            muted_count: edge.settings().chatsdk.muted_count_in_total,
            window: Duration::from_millis(edge.settings().realtime.unread_window_ms.into()),
            users: HashMap::new(),
            channels: HashMap::new(),
            line: Line::default(),
            listening: Listening::default(),
            told: VecDeque::new(),
            dirty: HashSet::new(),
            flush_at: None,
            lost_since: None,
            reloaded_at: None,
            last_generation: 0,
        }
    }

    pub async fn run(
        mut self,
        mut ordered: mpsc::UnboundedReceiver<Order>,
        mut heard: mpsc::Receiver<News>,
        lost: Arc<Notify>,
    ) {
        let stop = self.edge.stop().clone();
        let (mut orders, mut news) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        loop {
            let due = self.due(heard.is_empty());
            tokio::select! {
                () = stop.cancelled() => return,
                count = ordered.recv_many(&mut orders, BATCH) => if count == 0 { return },
                count = heard.recv_many(&mut news, BATCH) => if count == 0 { return },
                () = lost.notified() => drop(self.lost_since.get_or_insert_with(Instant::now)),
                () = sleep_until(due) => {}
            }
            orders.drain(..).for_each(|order| self.take(order));
            news.drain(..).for_each(|one| self.hear(one));
            self.act(heard.is_empty());
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Track { app, user, connection } => self.track(app, user, connection),
            Order::Untrack { user, connection } => self.untrack(user, connection),
            Order::Loaded(loaded) => self.loaded(loaded),
            Order::Heard(heard) => self.heard(heard),
        }
    }

    /// Does what is due. `caught_up` = no news wait.
    fn act(&mut self, caught_up: bool) {
        let now = Instant::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        while is_due(self.told.front().map(|&(at, _)| at)) {
            self.compare();
        }
        if is_due(self.reload_at(caught_up)) {
            self.lost_since = None;
            self.reloaded_at = Some(now);
            self.reload();
        }
        self.listen(now);
        while let Some(user) = self.line.next(now) {
            self.load(user);
        }
        if is_due(self.flush_at) {
            self.flush();
        }
        if self.flush_at.is_none() && !self.dirty.is_empty() {
            self.flush_at = Some(now + self.window);
        }
    }

    /// When something is due, if nothing comes before.
    fn due(&self, caught_up: bool) -> Option<Instant> {
        let compare = self.told.front().map(|&(at, _)| at);
        let times =
            [self.flush_at, compare, self.reload_at(caught_up), self.listening.due(), self.line.due()];
        times.into_iter().flatten().min()
    }

    /// When everything is loaded anew: after what waited at the loss, but not for ever after it.
    fn reload_at(&self, caught_up: bool) -> Option<Instant> {
        let since = self.lost_since?;
        let at = if caught_up { since } else { since + CATCHING_UP };
        Some(self.reloaded_at.map_or(at, |last| at.max(last + BETWEEN_RELOADS)))
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
