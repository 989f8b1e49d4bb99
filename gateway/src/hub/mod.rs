//! Live subscriptions: who listens to which stream, and how events reach them.
//!
//! An event comes from the bus (`ingest`), is rendered once (`render`), takes its place in its
//! stream ([`stream`]) and is queued for every subscriber ([`connection`]); the task that owns the
//! socket writes it. What the bus lost is read from the log (`repair`), at the latest when the message
//! service says how far the stream has come (`heads`). Unread counts of connected
//! users are derived here (`unread`).

mod accounts;
pub mod connection;
mod delivery;
#[cfg(test)]
mod fake;
mod heads;
mod ingest;
mod loads;
pub mod position;
mod presence;
pub mod publication;
mod render;
mod repair;
pub mod stream;
mod unread;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use parlance_bus::{Topic, Topics};
use parlance_core::{Error, Num, Reason, Result};
use parlance_proto::auth::TokenKind;
use tokio::sync::{Notify, Semaphore, mpsc};
use uuid::Uuid;

use connection::{Connection, Login, Owner, QueueLimits};
use loads::Loads;
use stream::{Stream, StreamKey};

use crate::config::{RealtimeSettings, Settings};
use crate::identity::Token;
use crate::realtime::codes::CloseCode;
use crate::realtime::protocol::Protocol;
use crate::state::Edge;

/// Connection tokens that are verified at the same time; others wait their turn.
const VERIFIED_AT_ONCE: usize = 64;

/// Live connections and subscriptions of this gateway. Cloning is cheap.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    settings: RealtimeSettings,
    streams: Shards<StreamKey, Arc<Stream>>,
    connections: Shards<u64, Arc<Connection>>,
    users: Shards<Num, Vec<Arc<Connection>>>,
    revoked: accounts::Revoked,
    count: AtomicUsize,
    last_number: AtomicU64,
    draining: AtomicBool,
    /// Bounds how many tokens are verified at once when everybody returns together.
    verifying: Semaphore,
    /// Told when a connection ends.
    ended: Notify,
    /// Told when the bus has dropped events.
    lagged: Notify,
    running: OnceLock<Running>,
}

/// What exists once the hub has started.
struct Running {
    topics: Arc<dyn Topics>,
    /// Topics to leave, since a socket's end does not wait for the bus.
    left: mpsc::UnboundedSender<Topic>,
    loads: Loads,
    unread: unread::Tracker,
    presence: presence::Reporter,
}

/// Why a connection is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Draining,
    Full,
}

impl Hub {
    pub fn new(settings: &Settings) -> Self {
        Self(Arc::new(Inner {
            settings: settings.realtime.clone(),
            streams: Shards::new(),
            connections: Shards::new(),
            users: Shards::new(),
            revoked: accounts::Revoked::default(),
            count: AtomicUsize::new(0),
            last_number: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            verifying: Semaphore::new(VERIFIED_AT_ONCE),
            ended: Notify::new(),
            lagged: Notify::new(),
            running: OnceLock::new(),
        }))
    }

    /// Starts listening to the bus and the background tasks. Called once, before any connection.
    pub async fn start(&self, edge: Edge) -> Result<()> {
        let subscription = edge.bus().subscribe().await?;
        let topics = subscription.topics();
        topics.listen(Topic::Accounts).await?;
        topics.listen(Topic::Presence).await?;
        let (left, leaving) = mpsc::unbounded_channel();
        let running = Running {
            topics: topics.clone(),
            left,
            loads: Loads::start(&edge),
            unread: unread::Tracker::start(&edge),
            presence: presence::Reporter::start(&edge),
        };
        if self.0.running.set(running).is_err() {
            return Err(Error::internal("the hub was started twice"));
        }
        edge.tasks().spawn(leave_topics(topics, leaving, edge.stop().clone()));
        edge.tasks().spawn(ingest::run(edge.clone(), subscription));
        edge.tasks().spawn(ingest::check_positions(edge.clone()));
        edge.tasks().spawn(accounts::follow_log(edge.clone()));
        Ok(())
    }

    fn running(&self) -> &Running {
        // `Edge::new` starts the hub before it hands the edge to anybody.
        self.0.running.get().expect("the hub is started with the edge")
    }

    pub(crate) fn loads(&self) -> &Loads {
        &self.running().loads
    }

    pub(crate) fn unread(&self) -> &unread::Tracker {
        &self.running().unread
    }

    pub(super) fn lagged(&self) -> &Notify {
        &self.0.lagged
    }

    /// Number of open connections, those without a valid token included.
    pub fn connection_count(&self) -> usize {
        self.0.count.load(Ordering::Relaxed)
    }

    /// Whether a new connection would be accepted.
    pub fn admits(&self) -> std::result::Result<(), Refusal> {
        if self.0.draining.load(Ordering::Acquire) {
            return Err(Refusal::Draining);
        }
        if self.connection_count() >= self.0.settings.max_connections {
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// Adds a connection that has not presented a token yet.
    pub fn open(&self, protocol: Protocol) -> Arc<Connection> {
        let number = self.0.last_number.fetch_add(1, Ordering::Relaxed) + 1;
        let connection = Arc::new(Connection::new(number, protocol, QueueLimits::of(&self.0.settings)));
        self.0.connections.of(&number).lock().insert(number, connection.clone());
        let count = self.0.count.fetch_add(1, Ordering::Relaxed) + 1;
        metrics::gauge!("parlance_realtime_connections").set(count as f64);
        if self.0.draining.load(Ordering::Acquire) {
            connection.close(CloseCode::Shutdown);
        }
        connection
    }

    /// Verifies a connection token, in turn. `Overloaded` if the turn does not come within `patience`.
    pub async fn verify(&self, edge: &Edge, token: &str, patience: Duration) -> Result<Arc<Token>> {
        let turn = tokio::time::timeout(patience, self.0.verifying.acquire()).await;
        // The semaphore is never closed, so the only failure is having waited too long.
        let Ok(Ok(_turn)) = turn else {
            return Err(Error::new(Reason::Overloaded, "too many connections at once"));
        };
        edge.identity().token(TokenKind::Connection, token).await
    }

    /// Makes a connection a user's. It is marked for closing at once if the login was revoked meanwhile.
    pub async fn own(&self, connection: &Arc<Connection>, owner: Owner, login: Login) -> Result<()> {
        let (app, user) = (owner.app, owner.user);
        // What concerns the user (memberships, deleted channels) is heard even without a subscription.
        self.running().topics.listen(Topic::user(user)).await?;
        connection.set_login(login);
        connection.set_owner(owner);
        self.0.users.of(&user).lock().entry(user).or_default().push(connection.clone());
        self.running().presence.opened(app, user, connection.client);
        self.recheck_login(connection);
        Ok(())
    }

    /// Applies recent revocations to a login that was verified before it was known here.
    pub fn recheck_login(&self, connection: &Connection) {
        self.0.revoked.apply(connection);
    }

    /// Forgets a connection. Its subscriptions have been ended before.
    pub fn closed(&self, connection: &Arc<Connection>) {
        let number = connection.number;
        if self.0.connections.of(&number).lock().remove(&number).is_none() {
            return;
        }
        if let Some(owner) = connection.owner() {
            let mut users = self.0.users.of(&owner.user).lock();
            if let Some(connections) = users.get_mut(&owner.user) {
                connections.retain(|one| one.number != number);
                if connections.is_empty() {
                    users.remove(&owner.user);
                }
            }
            drop(users);
            self.running().presence.closed(owner.app, owner.user, connection.client);
            self.leave(Topic::user(owner.user));
        }
        let count = self.0.count.fetch_sub(1, Ordering::Relaxed) - 1;
        metrics::gauge!("parlance_realtime_connections").set(count as f64);
        self.0.ended.notify_waiters();
    }

    /// Registers a subscription. It receives nothing before [`Stream::join`].
    pub fn subscribe(
        &self,
        key: StreamKey,
        app: Uuid,
        channel: &str,
        subscription: u64,
        connection: &Arc<Connection>,
        recover: bool,
    ) -> Arc<Stream> {
        let mut streams = self.0.streams.of(&key).lock();
        loop {
            let stream =
                streams.entry(key).or_insert_with(|| Arc::new(Stream::new(key, app, channel.into()))).clone();
            if stream.register(subscription, connection, recover) {
                return stream;
            }
            streams.remove(&key);
        }
    }

    /// Returns once the bus delivers this stream's events.
    pub async fn hear(&self, stream: &Stream) -> Result<()> {
        let topics = &self.running().topics;
        stream.heard.get_or_try_init(|| topics.listen(stream.key.topic())).await?;
        Ok(())
    }

    /// Ends a subscription.
    pub fn unsubscribe(&self, stream: &Arc<Stream>, subscription: u64) {
        let mut streams = self.0.streams.of(&stream.key).lock();
        if !stream.unregister(subscription) {
            return;
        }
        if streams.get(&stream.key).is_some_and(|current| Arc::ptr_eq(current, stream)) {
            streams.remove(&stream.key);
        }
        drop(streams);
        if stream.heard.initialized() {
            self.leave(stream.key.topic());
        }
    }

    /// Does what a change of a stream asks for.
    pub(crate) fn follow_up(&self, edge: &Edge, stream: &Arc<Stream>, followup: stream::Followup) {
        repair::follow_up(edge, stream, followup);
    }

    /// The next subscription number, unique in this process.
    pub fn next_number(&self) -> u64 {
        self.0.last_number.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn stream(&self, key: StreamKey) -> Option<Arc<Stream>> {
        self.0.streams.of(&key).lock().get(&key).cloned()
    }

    fn streams(&self) -> Vec<Arc<Stream>> {
        self.0.streams.all()
    }

    fn connections_of(&self, user: Num) -> Vec<Arc<Connection>> {
        self.0.users.of(&user).lock().get(&user).cloned().unwrap_or_default()
    }

    fn leave(&self, topic: Topic) {
        // Fails only while stopping, when all topics end.
        let _ = self.running().left.send(topic);
    }

    /// Refuses new connections and closes the open ones with a reconnect code, spread evenly over
    /// `spread`, so that clients do not return all at once. Returns when all are closed.
    pub async fn drain(&self, spread: Duration) {
        self.0.draining.store(true, Ordering::Release);
        let connections = self.0.connections.all();
        let pause = spread.checked_div(connections.len() as u32).unwrap_or_default();
        let started = tokio::time::Instant::now();
        for (index, connection) in connections.iter().enumerate() {
            tokio::time::sleep_until(started + pause * index as u32).await;
            connection.close(CloseCode::Shutdown);
        }
        // A close handshake has its own limit, so this ends.
        loop {
            let ended = self.0.ended.notified();
            if self.connection_count() == 0 {
                return;
            }
            let _ = tokio::time::timeout(Duration::from_millis(100), ended).await;
        }
    }
}

async fn leave_topics(
    topics: Arc<dyn Topics>,
    mut leaving: mpsc::UnboundedReceiver<Topic>,
    stop: tokio_util::sync::CancellationToken,
) {
    while let Some(Some(topic)) = stop.run_until_cancelled(leaving.recv()).await {
        topics.leave(topic).await;
    }
}

/// A map in parts, so that threads seldom meet at one lock.
struct Shards<K, V> {
    hasher: RandomState,
    parts: Box<[Mutex<HashMap<K, V>>]>,
}

impl<K: Hash + Eq, V: Clone> Shards<K, V> {
    fn new() -> Self {
        Self { hasher: RandomState::new(), parts: (0..64).map(|_| Mutex::default()).collect() }
    }

    fn of(&self, key: &K) -> &Mutex<HashMap<K, V>> {
        &self.parts[self.hasher.hash_one(key) as usize % self.parts.len()]
    }

    fn all(&self) -> Vec<V> {
        self.parts.iter().flat_map(|part| part.lock().values().cloned().collect::<Vec<_>>()).collect()
    }
}
