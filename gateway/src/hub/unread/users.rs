//! Who is counted for, and in which channels.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use parlance_bus::Topic;
use parlance_core::Num;
use uuid::Uuid;

use super::super::connection::Connection;
use super::counts::{ChannelLog, Counts};
use super::heard::Heard;
use super::line::Rank;
use super::task::Counting;

pub struct User {
    pub app: Uuid,
    pub subscriptions: usize,
    /// Tells loads of this user from those of an earlier time.
    pub generation: u64,
    pub counts: Counts,
    /// Channels with values to push.
    pub changed: HashSet<Num>,
    pub pushed_total: Option<u64>,
    pub ready: bool,
    /// Connections that wait for the first values, by number.
    pub waiting: HashMap<u64, Arc<Connection>>,
}

#[derive(Default)]
pub struct Channel {
    pub users: HashSet<Num>,
    pub hearing: Hearing,
    pub log: ChannelLog,
    pub entries: Heard,
}

/// Whether the bus delivers a channel.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    #[default]
    No,
    Asked,
    /// Everything that happened since then arrives here.
    Since(Instant),
}

impl User {
    pub fn rank(&self) -> Rank {
        if self.ready { Rank::Anew } else { Rank::First }
    }
}

impl Channel {
    /// Whether what was asked for then misses nothing, together with what has been heard.
    pub fn covers(&self, asked_at: Instant) -> bool {
        matches!(self.hearing, Hearing::Since(since) if asked_at >= since)
    }

    pub fn is_heard(&self) -> bool {
        matches!(self.hearing, Hearing::Since(_))
    }
}

impl Counting {
    pub fn track(&mut self, app: Uuid, num: Num, connection: Arc<Connection>) {
        self.last_generation += 1;
        let generation = self.last_generation;
        let user = self.users.entry(num).or_insert_with(|| User {
            app,
            subscriptions: 0,
            generation,
            counts: Counts::default(),
            changed: HashSet::new(),
            pushed_total: None,
            ready: false,
            waiting: HashMap::new(),
        });
        let is_new = user.subscriptions == 0;
        user.subscriptions += 1;
        user.waiting.insert(connection.number, connection);
        if user.ready {
            self.greet(num);
        } else if is_new {
            self.line.ask(num, Rank::First);
        }
        self.tracked.store(self.users.len(), Ordering::Release);
    }

    pub fn untrack(&mut self, num: Num, connection: u64) {
        let Some(user) = self.users.get_mut(&num) else { return };
        user.waiting.remove(&connection);
        user.subscriptions -= 1;
        if user.subscriptions > 0 {
            return;
        }
        let Some(user) = self.users.remove(&num) else { return };
        self.dirty.remove(&num);
        self.line.leave(num);
        for channel in user.counts.channels() {
            self.part(channel, num);
        }
        self.tracked.store(self.users.len(), Ordering::Release);
    }

    /// Takes a user off a channel's list; a channel without users is forgotten.
    pub fn part(&mut self, num: Num, user: Num) {
        let Some(channel) = self.channels.get_mut(&num) else { return };
        channel.users.remove(&user);
        if channel.users.is_empty() {
            let heard = channel.is_heard();
            self.channels.remove(&num);
            if heard {
                self.edge.hub().leave(Topic::chat(num));
            }
        }
    }
}
