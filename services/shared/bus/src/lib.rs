#![doc = include_str!("../README.md")]

mod fanout;
mod memory;
mod observed;
mod redis;
mod topic;

use std::sync::Arc;

use async_trait::async_trait;
use parlance_core::Result;
use parlance_proto::event::{Event, StreamHead};

pub use fanout::CAPACITY;
pub use memory::MemoryBus;
pub use observed::observed;
pub use redis::RedisBus;
pub use topic::Topic;

/// What travels on the bus.
#[derive(Debug, Clone)]
pub enum Message {
    /// A fact with its full snapshot, for live delivery.
    Event(Arc<Event>),
    /// Nothing but "look at the log again".
    Wake,
    /// How far streams of this topic have come; whoever shows one and is behind reads its log.
    Heads(Arc<[StreamHead]>),
}

/// What a subscription yields.
#[derive(Debug, Clone)]
pub enum Item {
    Message(Topic, Message),
    /// Messages were dropped: whoever needs them reads the logs from its own position.
    Lagged,
}

/// Carries events between services and gateways while they are live. It may drop, never reorders
/// messages of one publisher and topic, and holds nothing: logs are the truth.
#[async_trait]
pub trait Bus: Send + Sync + std::fmt::Debug + 'static {
    /// Hands messages over, in order. Never waits for subscribers, and not longer than a second for
    /// whatever carries the messages; an error says that some may not have been handed over.
    async fn publish(&self, messages: Vec<(Topic, Message)>) -> Result<()>;

    /// A subscription without topics yet.
    async fn subscribe(&self) -> Result<Box<dyn Subscription>>;

    /// Sends a message to itself and waits for it: the readiness probe.
    async fn probe(&self) -> Result<()>;
}

/// The receiving end; dropped = gone.
#[async_trait]
pub trait Subscription: Send + Sync {
    /// Handle with which topics are added and removed while another task receives.
    fn topics(&self) -> Arc<dyn Topics>;

    /// The next item; `None` once the bus is closed.
    async fn recv(&mut self) -> Option<Item>;
}

/// The topics that a subscription listens to. Listening counts: a topic heard twice must be left twice.
#[async_trait]
pub trait Topics: Send + Sync {
    /// Returns once later messages of the topic will arrive. If what carries them is away it returns all
    /// the same, after at most two seconds: [`Item::Lagged`] follows when they do arrive.
    async fn listen(&self, topic: Topic) -> Result<()>;
    async fn leave(&self, topic: Topic);
}
