//! The bus inside one process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::RwLock;
use parlance_core::{Error, Result};
use tokio::sync::mpsc;

use crate::{Bus, Item, Message, Subscription, Topic, Topics};

/// Messages a slow subscriber may fall behind before it is told that it lagged.
const CAPACITY: usize = 65_536;

/// Delivers by handing over shared events; nothing is encoded.
#[derive(Debug, Default, Clone)]
pub struct MemoryBus {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    subscribers: RwLock<HashMap<u64, Arc<Subscriber>>>,
    next: AtomicU64,
}

#[derive(Debug)]
struct Subscriber {
    topics: RwLock<HashMap<Topic, usize>>,
    sender: mpsc::Sender<Item>,
    lagged: AtomicBool,
}

impl MemoryBus {
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, messages: Vec<(Topic, Message)>) -> Result<()> {
        let subscribers = self.shared.subscribers.read();
        for subscriber in subscribers.values() {
            let topics = subscriber.topics.read();
            for (topic, message) in &messages {
                if topics.contains_key(topic) {
                    subscriber.send(Item::Message(*topic, message.clone()));
                }
            }
        }
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>> {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let subscriber =
            Arc::new(Subscriber { topics: RwLock::default(), sender, lagged: AtomicBool::new(false) });
        let key = self.shared.next.fetch_add(1, Ordering::Relaxed);
        self.shared.subscribers.write().insert(key, subscriber.clone());
        Ok(Box::new(MemorySubscription { key, subscriber, receiver, shared: self.shared.clone() }))
    }

    async fn probe(&self) -> Result<()> {
        let mut subscription = self.subscribe().await?;
        subscription.topics().listen(Topic::Probe).await?;
        self.publish(vec![(Topic::Probe, Message::Wake)]).await?;
        match tokio::time::timeout(Duration::from_secs(1), subscription.recv()).await {
            Ok(Some(Item::Message(Topic::Probe, _))) => Ok(()),
            _ => Err(Error::unavailable("the bus does not deliver")),
        }
    }
}

impl Subscriber {
    fn send(&self, item: Item) {
        if self.lagged.load(Ordering::Acquire) {
            return;
        }
        if self.sender.try_send(item).is_err() {
            self.lagged.store(true, Ordering::Release);
        }
    }
}

struct MemorySubscription {
    key: u64,
    subscriber: Arc<Subscriber>,
    receiver: mpsc::Receiver<Item>,
    shared: Arc<Shared>,
}

#[async_trait]
impl Subscription for MemorySubscription {
    fn topics(&self) -> Arc<dyn Topics> {
        self.subscriber.clone()
    }

    async fn recv(&mut self) -> Option<Item> {
        // What was queued before the overflow is still in order; the gap comes after it.
        if self.receiver.is_empty() && self.subscriber.lagged.swap(false, Ordering::AcqRel) {
            return Some(Item::Lagged);
        }
        self.receiver.recv().await
    }
}

impl Drop for MemorySubscription {
    fn drop(&mut self) {
        self.shared.subscribers.write().remove(&self.key);
    }
}

#[async_trait]
impl Topics for Subscriber {
    async fn listen(&self, topic: Topic) -> Result<()> {
        *self.topics.write().entry(topic).or_default() += 1;
        Ok(())
    }

    async fn leave(&self, topic: Topic) {
        let mut topics = self.topics.write();
        if let Some(count) = topics.get_mut(&topic) {
            *count -= 1;
            if *count == 0 {
                topics.remove(&topic);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_heard_topics_arrive_and_in_order() {
        let bus = MemoryBus::new();
        let mut subscription = bus.subscribe().await.unwrap();
        let topics = subscription.topics();
        topics.listen(Topic::Log("channel")).await.unwrap();
        topics.listen(Topic::Accounts).await.unwrap();
        bus.publish(vec![
            (Topic::Log("auth"), Message::Wake),
            (Topic::Accounts, Message::Wake),
            (Topic::Log("channel"), Message::Wake),
        ])
        .await
        .unwrap();
        assert!(matches!(subscription.recv().await, Some(Item::Message(Topic::Accounts, _))));
        assert!(matches!(subscription.recv().await, Some(Item::Message(Topic::Log("channel"), _))));
    }

    #[tokio::test]
    async fn an_overflow_is_told_after_what_was_queued() {
        let bus = MemoryBus::new();
        let mut subscription = bus.subscribe().await.unwrap();
        subscription.topics().listen(Topic::Accounts).await.unwrap();
        for _ in 0..CAPACITY + 5 {
            bus.publish(vec![(Topic::Accounts, Message::Wake)]).await.unwrap();
        }
        for _ in 0..CAPACITY {
            assert!(matches!(subscription.recv().await, Some(Item::Message(..))));
        }
        assert!(matches!(subscription.recv().await, Some(Item::Lagged)));
        bus.publish(vec![(Topic::Accounts, Message::Wake)]).await.unwrap();
        assert!(matches!(subscription.recv().await, Some(Item::Message(..))));
    }

    #[tokio::test]
    async fn the_probe_makes_a_round_trip() {
        MemoryBus::new().probe().await.unwrap();
    }
}
