//! The subscribers within this process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use parking_lot::RwLock;
use tokio::sync::{Notify, mpsc};

use crate::{Item, Message, Subscription, Topic, Topics};

/// Messages a slow subscriber may fall behind before it is told that it lagged.
pub const CAPACITY: usize = 65_536;

/// Hands messages to whoever listens to their topic.
#[derive(Debug, Default)]
pub(crate) struct Fanout {
    subscribers: RwLock<HashMap<u64, Arc<Subscriber>>>,
    next: AtomicU64,
}

/// One subscriber: what it listens to, and its queue.
#[derive(Debug)]
pub(crate) struct Subscriber {
    /// How often each topic is listened to.
    topics: RwLock<HashMap<Topic, usize>>,
    sender: mpsc::Sender<Item>,
    lagged: AtomicBool,
    told: Notify,
}

impl Fanout {
    pub(crate) fn deliver(&self, messages: &[(Topic, Message)]) {
        for subscriber in self.subscribers.read().values() {
            let topics = subscriber.topics.read();
            for (topic, message) in messages {
                if topics.contains_key(topic) {
                    subscriber.send(Item::Message(*topic, message.clone()));
                }
            }
        }
    }

    /// Tells those who listen to one of the topics that they missed something.
    pub(crate) fn lag(&self, topics: &[Topic]) {
        for subscriber in self.subscribers.read().values() {
            let concerned = {
                let heard = subscriber.topics.read();
                topics.iter().any(|topic| heard.contains_key(topic))
            };
            if concerned {
                subscriber.lag();
            }
        }
    }

    /// A new subscriber; gone when its [`Queue`] is dropped.
    pub(crate) fn subscribe(self: &Arc<Self>) -> Queue {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let subscriber = Arc::new(Subscriber {
            topics: RwLock::default(),
            sender,
            lagged: AtomicBool::new(false),
            told: Notify::new(),
        });
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        self.subscribers.write().insert(key, subscriber.clone());
        Queue { key, subscriber, receiver, fanout: self.clone() }
    }
}

impl Subscriber {
    fn send(&self, item: Item) {
        if self.lagged.load(Ordering::Acquire) {
            return;
        }
        if self.sender.try_send(item).is_err() {
            self.overflow();
        }
    }

    fn lag(&self) {
        // Of several in a row one says it all: with one in the queue, what follows it is still in order.
        if !self.lagged.load(Ordering::Acquire) && self.sender.try_send(Item::Lagged).is_err() {
            self.overflow();
        }
    }

    fn overflow(&self) {
        self.lagged.store(true, Ordering::Release);
        // The receiver may have emptied the queue meanwhile and wait already.
        self.told.notify_one();
    }

    /// Counts; whether the topic is new.
    pub(crate) fn add(&self, topic: Topic) -> bool {
        let mut topics = self.topics.write();
        let count = topics.entry(topic).or_default();
        *count += 1;
        *count == 1
    }

    /// Counts back; whether the topic is now left.
    pub(crate) fn remove(&self, topic: Topic) -> bool {
        let mut topics = self.topics.write();
        let Some(count) = topics.get_mut(&topic) else { return false };
        *count -= 1;
        let left = *count == 0;
        if left {
            topics.remove(&topic);
        }
        left
    }

    /// Leaves everything; what was listened to.
    pub(crate) fn clear(&self) -> Vec<Topic> {
        self.topics.write().drain().map(|(topic, _)| topic).collect()
    }
}

/// What waits for one subscriber.
pub(crate) struct Queue {
    key: u64,
    pub(crate) subscriber: Arc<Subscriber>,
    receiver: mpsc::Receiver<Item>,
    fanout: Arc<Fanout>,
}

impl Queue {
    pub(crate) async fn recv(&mut self) -> Option<Item> {
        loop {
            if let Ok(item) = self.receiver.try_recv() {
                return Some(item);
            }
            // What was queued before the overflow is still in order; the gap comes after it.
            if self.subscriber.lagged.swap(false, Ordering::AcqRel) {
                return Some(Item::Lagged);
            }
            tokio::select! {
                item = self.receiver.recv() => return item,
                () = self.subscriber.told.notified() => {}
            }
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.fanout.subscribers.write().remove(&self.key);
    }
}

/// Listening that asks nobody else.
#[async_trait]
impl Topics for Subscriber {
    async fn listen(&self, topic: Topic) -> parlance_core::Result<()> {
        self.add(topic);
        Ok(())
    }

    async fn leave(&self, topic: Topic) {
        self.remove(topic);
    }
}

#[async_trait]
impl Subscription for Queue {
    fn topics(&self) -> Arc<dyn Topics> {
        self.subscriber.clone()
    }

    async fn recv(&mut self) -> Option<Item> {
        Queue::recv(self).await
    }
}
