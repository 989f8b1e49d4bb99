//! Unread counts of connected users, derived from what happens in their channels.
//!
//! A send writes no row per member, so nobody tells each member of his new count. For users with a
//! `user:` subscription the counts are loaded once and then kept exact: every counted message and
//! every deletion moves them, a new read position sets them. What changed is pushed at most once per
//! window, the latest value wins. One task owns all of it, so nothing is locked.

mod counts;
mod heard;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parlance_bus::Topic;
use parlance_core::{Num, Result};
use parlance_proto::event::{Event, StreamHead, event::Payload, stream::Kind};
use tokio::sync::mpsc;
use uuid::Uuid;

use self::counts::{Base, Change, ChannelLog, Counts};
use self::heard::Heard;
use super::connection::Connection;
use super::heads::ON_ITS_WAY;
use super::loads::UnreadChannels;
use super::render;
use super::stream::StreamKey;
use crate::state::Edge;

/// Channels whose counts are pushed after a subscription.
const PUSHED_AT_FIRST: usize = 200;
/// Pause before a failed load is repeated.
const PAUSE: Duration = Duration::from_secs(1);
/// Orders taken at once.
const BATCH: usize = 512;

/// The way to the task that counts.
pub struct Tracker {
    orders: mpsc::UnboundedSender<Order>,
    tracked: Arc<AtomicUsize>,
}

enum Order {
    Track {
        app: Uuid,
        user: Num,
        connection: Arc<Connection>,
    },
    Untrack {
        user: Num,
    },
    Event(Arc<Event>),
    /// An entry of a channel's stream that moves no counts.
    Passed {
        channel: Num,
        offset: u64,
    },
    /// How far channels have come.
    Heads(Arc<[StreamHead]>),
    Reload,
    /// The bus delivers these channels now.
    Heard {
        channels: Vec<Num>,
    },
    Loaded {
        user: Num,
        generation: u64,
        result: Result<UnreadChannels>,
    },
}

impl Tracker {
    pub fn start(edge: &Edge) -> Self {
        let (orders, receiver) = mpsc::unbounded_channel();
        let tracked = Arc::new(AtomicUsize::new(0));
        let counting = Counting {
            edge: edge.clone(),
            orders: orders.clone(),
            tracked: tracked.clone(),
            muted_count: edge.settings().chatsdk.muted_count_in_total,
            window: Duration::from_millis(edge.settings().realtime.unread_window_ms.into()),
            users: HashMap::new(),
            channels: HashMap::new(),
            told: VecDeque::new(),
            dirty: HashSet::new(),
            flush_at: None,
            last_generation: 0,
        };
        edge.tasks().spawn(counting.run(receiver));
        Self { orders, tracked }
    }

    /// Counts for a user, and pushes the current values to this connection. To be balanced by
    /// [`untrack`](Self::untrack).
    pub fn track(&self, app: Uuid, user: Num, connection: &Arc<Connection>) {
        self.send(Order::Track { app, user, connection: connection.clone() });
    }

    pub fn untrack(&self, user: Num) {
        self.send(Order::Untrack { user });
    }

    /// Counts an event, if it moves counts.
    pub fn observe(&self, event: &Arc<Event>) {
        let moves = matches!(
            event.payload,
            Some(
                Payload::MessageCreated(_)
                    | Payload::MessageDeleted(_)
                    | Payload::UnreadChanged(_)
                    | Payload::ChannelCreated(_)
                    | Payload::ChannelDeleted(_)
                    | Payload::MemberJoined(_)
                    | Payload::MemberLeft(_)
                    | Payload::MemberUpdated(_)
            )
        );
        if self.tracked.load(Ordering::Acquire) == 0 {
            return;
        }
        let stream = event.stream.as_ref().filter(|stream| stream.kind() == Kind::Chat && event.offset > 0);
        if moves {
            self.send(Order::Event(event.clone()));
        } else if let Some(stream) = stream {
            self.send(Order::Passed { channel: stream.num, offset: event.offset });
        }
    }

    /// Compares what was heard with how far the channels have come, once what is on its way has arrived.
    pub fn heads(&self, heads: &Arc<[StreamHead]>) {
        if self.tracked.load(Ordering::Acquire) > 0 {
            self.send(Order::Heads(heads.clone()));
        }
    }

    /// Events were lost: everything is loaded anew.
    pub fn reload(&self) {
        self.send(Order::Reload);
    }

    fn send(&self, order: Order) {
        // Fails only while stopping.
        let _ = self.orders.send(order);
    }
}

struct Counting {
    edge: Edge,
    orders: mpsc::UnboundedSender<Order>,
    tracked: Arc<AtomicUsize>,
    muted_count: bool,
    window: Duration,
    users: HashMap<Num, User>,
    channels: HashMap<Num, Channel>,
    /// How far channels have come, and when it is time to compare.
    told: VecDeque<(Instant, Arc<[StreamHead]>)>,
    /// Users with values to push.
    dirty: HashSet<Num>,
    flush_at: Option<Instant>,
    last_generation: u64,
}

struct User {
    app: Uuid,
    subscriptions: usize,
    /// Tells loads of this user from those of an earlier time.
    generation: u64,
    counts: Counts,
    /// Channels with values to push.
    changed: HashSet<Num>,
    pushed_total: Option<u64>,
    ready: bool,
    loading: bool,
    /// What is being loaded may be old already.
    again: bool,
    /// Connections that wait for the first values.
    waiting: Vec<Arc<Connection>>,
}

#[derive(Default)]
struct Channel {
    users: HashSet<Num>,
    heard: bool,
    log: ChannelLog,
    entries: Heard,
}

impl Counting {
    async fn run(mut self, mut receiver: mpsc::UnboundedReceiver<Order>) {
        let stop = self.edge.stop().clone();
        let mut orders = Vec::with_capacity(BATCH);
        loop {
            let due = self.flush_at;
            let compare_at = self.told.front().map(|(at, _)| *at);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep_until(due) => self.flush(),
                () = sleep_until(compare_at) => self.compare(),
                count = receiver.recv_many(&mut orders, BATCH) => if count == 0 { return },
            }
            for order in orders.drain(..) {
                self.take(order);
            }
            if self.flush_at.is_none() && !self.dirty.is_empty() {
                self.flush_at = Some(Instant::now() + self.window);
            }
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Track { app, user, connection } => self.track(app, user, connection),
            Order::Untrack { user } => self.untrack(user),
            Order::Event(event) => self.observe(&event),
            Order::Reload => {
                let users: Vec<Num> = self.users.keys().copied().collect();
                for channel in self.channels.values_mut() {
                    channel.log.forget();
                    channel.entries = Heard::default();
                }
                users.into_iter().for_each(|user| self.load(user));
            }
            Order::Passed { channel, offset } => {
                if let Some(channel) = self.channels.get_mut(&channel) {
                    channel.entries.hear(offset);
                }
            }
            Order::Heads(heads) => self.told.push_back((Instant::now() + ON_ITS_WAY, heads)),
            Order::Heard { channels } => {
                for num in channels {
                    match self.channels.get_mut(&num) {
                        Some(channel) if !channel.heard => channel.heard = true,
                        // Nobody needs it any more, or it is listened to already.
                        _ => self.edge.hub().leave(Topic::chat(num)),
                    }
                }
            }
            Order::Loaded { user, generation, result } => self.loaded(user, generation, result),
        }
    }

    fn track(&mut self, app: Uuid, num: Num, connection: Arc<Connection>) {
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
            loading: false,
            again: false,
            waiting: Vec::new(),
        });
        user.subscriptions += 1;
        user.waiting.push(connection);
        if user.ready {
            self.greet(num);
        } else if !user.loading {
            self.load(num);
        }
        self.tracked.store(self.users.len(), Ordering::Release);
    }

    fn untrack(&mut self, num: Num) {
        let Some(user) = self.users.get_mut(&num) else { return };
        user.subscriptions -= 1;
        if user.subscriptions > 0 {
            return;
        }
        let Some(user) = self.users.remove(&num) else { return };
        self.dirty.remove(&num);
        for channel in user.counts.channels() {
            self.part(channel, num);
        }
        self.tracked.store(self.users.len(), Ordering::Release);
    }

    /// Takes a user off a channel's list; a channel without users is forgotten.
    fn part(&mut self, num: Num, user: Num) {
        let Some(channel) = self.channels.get_mut(&num) else { return };
        channel.users.remove(&user);
        if channel.users.is_empty() {
            let heard = channel.heard;
            self.channels.remove(&num);
            if heard {
                self.edge.hub().leave(Topic::chat(num));
            }
        }
    }

    /// Loads a user's counts, in the background.
    fn load(&mut self, num: Num) {
        self.load_after(num, Vec::new(), Duration::ZERO);
    }

    /// First listens to the channels and waits.
    fn load_after(&mut self, num: Num, channels: Vec<Num>, pause: Duration) {
        let Some(user) = self.users.get_mut(&num) else { return };
        if std::mem::replace(&mut user.loading, true) {
            user.again = true;
            return;
        }
        user.again = false;
        let (app, generation) = (user.app, user.generation);
        let (edge, orders) = (self.edge.clone(), self.orders.clone());
        self.edge.tasks().spawn(async move {
            tokio::time::sleep(pause).await;
            let result = listen_and_load(&edge, &orders, app, num, channels).await;
            let _ = orders.send(Order::Loaded { user: num, generation, result });
        });
    }

    fn loaded(&mut self, num: Num, generation: u64, result: Result<UnreadChannels>) {
        let Some(user) = self.users.get_mut(&num).filter(|user| user.generation == generation) else {
            return;
        };
        user.loading = false;
        let loaded = match result {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::debug!(%error, "unread counts cannot be loaded for now");
                return self.load_after(num, Vec::new(), PAUSE);
            }
        };
        // Counts are exact only if the channel's events were heard before they were loaded.
        let mut unheard = Vec::new();
        let mut trustworthy = true;
        for one in &loaded {
            let channel = self.channels.entry(one.channel_num).or_insert_with(|| {
                unheard.push(one.channel_num);
                Channel::default()
            });
            channel.users.insert(num);
            if channel.heard {
                channel.entries.start(one.as_of_offset);
            }
            trustworthy &= channel.heard && channel.log.reaches(one.as_of_offset);
            let base = Base {
                unread: one.unread,
                last_read_seq: one.last_read_seq,
                as_of: one.as_of_offset,
                muted: one.muted,
            };
            if user.counts.set(one.channel_num, num, &base, &channel.log, self.muted_count) {
                user.changed.insert(one.channel_num);
            }
        }
        let kept: HashSet<Num> = loaded.iter().map(|one| one.channel_num).collect();
        let gone: Vec<Num> = user.counts.channels().filter(|channel| !kept.contains(channel)).collect();
        for &channel in &gone {
            user.counts.remove(channel, self.muted_count);
            user.changed.remove(&channel);
        }
        let again = user.again || !trustworthy;
        if trustworthy && !user.ready {
            user.ready = true;
            // Whoever waits gets everything; nobody has got anything before.
            user.changed.clear();
        }
        if user.ready {
            self.dirty.insert(num);
        }
        for channel in gone {
            self.part(channel, num);
        }
        if self.users.get(&num).is_some_and(|user| user.ready) {
            self.greet(num);
        }
        if again {
            self.load_after(num, unheard, Duration::ZERO);
        }
    }

    /// Pushes the current values to the connections that wait for them.
    fn greet(&mut self, num: Num) {
        let Some(user) = self.users.get_mut(&num) else { return };
        let waiting = std::mem::take(&mut user.waiting);
        let Some(stream) = self.edge.hub().stream(StreamKey::user(num)) else { return };
        let mut publications: Vec<_> = user
            .counts
            .unread()
            .take(PUSHED_AT_FIRST)
            .map(|(channel, count)| render::unread(&stream, channel, count))
            .collect();
        publications.push(render::total_unread(&stream, user.counts.total()));
        for connection in waiting {
            connection.publish(publications.iter(), Instant::now());
        }
        user.pushed_total.get_or_insert(user.counts.total());
    }

    fn flush(&mut self) {
        self.flush_at = None;
        for num in std::mem::take(&mut self.dirty) {
            let Some(user) = self.users.get_mut(&num).filter(|user| user.ready) else { continue };
            let changed = std::mem::take(&mut user.changed);
            let total = user.counts.total();
            let total_changed = user.pushed_total.replace(total) != Some(total);
            let Some(stream) = self.edge.hub().stream(StreamKey::user(num)) else { continue };
            for channel in changed {
                if let Some(count) = user.counts.of(channel) {
                    stream.broadcast(&render::unread(&stream, channel, count));
                }
            }
            if total_changed {
                stream.broadcast(&render::total_unread(&stream, total));
            }
        }
    }

    /// Loads the counts of those in whose channels something was lost.
    fn compare(&mut self) {
        let Some((_, heads)) = self.told.pop_front() else { return };
        for head in heads.iter() {
            let Some(stream) = head.stream.as_ref().filter(|stream| stream.kind() == Kind::Chat) else {
                continue;
            };
            let Some(channel) = self.channels.get_mut(&stream.num) else { continue };
            if channel.entries.is_behind(head.offset) {
                channel.entries.reach(head.offset);
                let users: Vec<Num> = channel.users.iter().copied().collect();
                users.into_iter().for_each(|user| self.load(user));
            }
        }
    }

    fn observe(&mut self, event: &Event) {
        if let Some(stream) = event.stream.as_ref().filter(|stream| stream.kind() == Kind::Chat)
            && event.offset > 0
            && let Some(channel) = self.channels.get_mut(&stream.num)
        {
            channel.entries.hear(event.offset);
        }
        let of_user = event.stream.as_ref().is_some_and(|stream| stream.kind() == Kind::User);
        match &event.payload {
            Some(Payload::MessageCreated(created)) => {
                let Some(message) = created.message.as_ref().filter(|message| message.counted) else {
                    return;
                };
                let change = Change {
                    offset: event.offset,
                    seq: message.seq,
                    author: message.author_num,
                    appeared: true,
                };
                self.change(message.channel_num, change);
            }
            Some(Payload::MessageDeleted(deleted)) if deleted.counted => {
                let Some(stream) = event.stream.as_ref().filter(|stream| stream.kind() == Kind::Chat) else {
                    return;
                };
                let change = Change {
                    offset: event.offset,
                    seq: deleted.seq,
                    author: deleted.author_num,
                    appeared: false,
                };
                self.change(stream.num, change);
            }
            Some(Payload::UnreadChanged(changed)) => {
                let Some(num) = event.stream.as_ref().map(|stream| stream.num).filter(|_| of_user) else {
                    return;
                };
                let base = Base {
                    unread: changed.unread,
                    last_read_seq: changed.last_read_seq,
                    as_of: changed.as_of_offset,
                    muted: changed.muted,
                };
                self.rebase(num, changed.channel_num, &base);
            }
            Some(Payload::ChannelCreated(created)) if of_user => {
                created.member_nums.iter().for_each(|&member| self.load(member));
                self.load(event.stream.as_ref().map_or(0, |stream| stream.num));
            }
            Some(Payload::MemberJoined(joined)) if of_user => self.load(joined.user_num),
            Some(Payload::MemberLeft(left)) => self.drop_channel(left.user_num, left.channel_num),
            Some(Payload::ChannelDeleted(deleted)) => {
                let members = self.channels.get(&deleted.channel_num).map(|channel| channel.users.clone());
                for member in members.unwrap_or_default() {
                    self.drop_channel(member, deleted.channel_num);
                }
            }
            Some(Payload::MemberUpdated(updated)) => {
                if let Some(user) = self.users.get_mut(&updated.user_num)
                    && user.counts.mute(updated.channel_num, updated.muted, self.muted_count)
                {
                    self.dirty.insert(updated.user_num);
                }
            }
            _ => {}
        }
    }

    /// A counted message appeared in a channel, or is gone.
    fn change(&mut self, num: Num, change: Change) {
        let Some(channel) = self.channels.get_mut(&num) else { return };
        if !channel.log.push(change) {
            return;
        }
        for &member in &channel.users {
            if let Some(user) = self.users.get_mut(&member)
                && user.counts.apply(num, member, &change, self.muted_count)
                && user.ready
            {
                user.changed.insert(num);
                self.dirty.insert(member);
            }
        }
    }

    /// A user's read position moved.
    fn rebase(&mut self, num: Num, channel_num: Num, base: &Base) {
        let Some(user) = self.users.get_mut(&num) else { return };
        if user.loading {
            user.again = true;
        }
        let known = self.channels.get(&channel_num).filter(|channel| channel.users.contains(&num));
        match known {
            Some(channel) if channel.log.reaches(base.as_of) => {
                user.counts.set(channel_num, num, base, &channel.log, self.muted_count);
                // Pushed even if the count is the same: the one who read waits for it.
                user.changed.insert(channel_num);
                if user.ready {
                    self.dirty.insert(num);
                }
            }
            _ => self.load(num),
        }
    }

    fn drop_channel(&mut self, num: Num, channel: Num) {
        let Some(user) = self.users.get_mut(&num) else { return };
        if user.loading {
            user.again = true;
        }
        if user.counts.remove(channel, self.muted_count) {
            user.changed.remove(&channel);
            self.dirty.insert(num);
            self.part(channel, num);
        }
    }
}

async fn listen_and_load(
    edge: &Edge,
    orders: &mpsc::UnboundedSender<Order>,
    app: Uuid,
    user: Num,
    channels: Vec<Num>,
) -> Result<UnreadChannels> {
    if !channels.is_empty() {
        let topics = &edge.hub().running().topics;
        let listening = channels.iter().map(|&channel| topics.listen(Topic::chat(channel)));
        futures_util::future::try_join_all(listening).await?;
        let _ = orders.send(Order::Heard { channels });
    }
    edge.hub().loads().unread(app, user).await
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
