//! Where presence is kept: memory or Redis; both stand behind [`PresenceStore`].

#[cfg(test)]
mod conformance;
mod memory;
mod redis;

use std::time::Duration;

use async_trait::async_trait;
use parlance_core::{Micros, Num, Result};
use uuid::Uuid;

use crate::domain::online::Signs;
use crate::domain::typing::Change;

pub use memory::MemoryStore;
pub use redis::RedisStore;

/// A gateway that was not heard for this long is gone.
const GATEWAY_SILENCE: Duration = Duration::from_secs(60);

/// A user of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct User {
    pub app: Uuid,
    pub num: Num,
}

/// A user in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Typist {
    pub user: User,
    pub channel: Num,
}

/// A connection that a gateway opened or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionChange {
    pub user: User,
    pub connection: String,
    pub opened: bool,
}

/// What a user shows of himself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// He did something, or declared himself online.
    Active,
    /// He declared himself offline.
    Offline,
}

/// Something that others must be told, given out once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    pub user: User,
    pub online: bool,
    pub last_seen: Option<Micros>,
}

/// How a store took a gateway's report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Whether the gateway was known; if not, its earlier connections are not.
    pub known: bool,
    pub news: Vec<News>,
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub users: usize,
    pub connections: usize,
    pub typing: usize,
}

/// Keeps presence. Each change is atomic, follows the rules of [`crate::domain`], and takes the time as a
/// parameter; a store that replicas share may measure the silence of gateways by a clock of its own. What
/// cannot be reached fails with `UNAVAILABLE`, soon. News are returned by exactly one call, whichever
/// replica makes it.
#[async_trait]
pub trait PresenceStore: Send + Sync + std::fmt::Debug + 'static {
    /// Applies a gateway's changes in order. Repeats change nothing.
    async fn report(&self, gateway: &str, changes: Vec<ConnectionChange>, now: Micros) -> Result<Report>;

    /// A sign of life of a gateway; says whether it was known.
    async fn renew(&self, gateway: &str, now: Micros) -> Result<bool>;

    /// Records a user's own sign.
    async fn record(&self, user: User, sign: Sign, now: Micros) -> Result<Vec<News>>;

    /// What is known of some users, in their order.
    async fn look(&self, app: Uuid, nums: &[Num]) -> Result<Vec<Signs>>;

    /// Lets time pass: closes the connections of silent gateways, finds what became due, forgets what
    /// is old.
    async fn sweep(&self, now: Micros) -> Result<Vec<News>>;

    /// Up to `limit` users who were active since the last such call, each with the time of it.
    async fn take_active(&self, limit: usize) -> Result<Vec<(User, Micros)>>;

    /// Somebody types.
    async fn hear_typing(&self, typist: Typist, now: Micros) -> Result<Option<Change>>;

    /// Somebody stops typing; nothing if he did not type.
    async fn stop_typing(&self, typist: Typist, now: Micros) -> Result<Option<Change>>;

    /// Lets time pass for everybody who types.
    async fn sweep_typing(&self, now: Micros) -> Result<Vec<(Typist, Change)>>;

    async fn totals(&self) -> Result<Totals>;
}
