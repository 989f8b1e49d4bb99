//! The bus over Redis or Valkey, between processes.

mod codec;
mod ear;
mod receiver;
mod sender;
mod sequence;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parlance_core::{Error, Result};
use parlance_redis::Redis;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::fanout::{Fanout, Queue, Subscriber};
use crate::{Bus, Item, Message, Subscription, Topic, Topics};
use codec::Names;
use receiver::Ask;
use sender::Sender;

/// Longest wait until a topic is confirmed.
const LISTEN: Duration = Duration::from_secs(2);
/// Longest wait for the probe's own message.
const PROBE: Duration = Duration::from_secs(1);

/// Publishes to Redis and hears what all processes publish, itself included.
#[derive(Debug, Clone)]
pub struct RedisBus(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    fanout: Arc<Fanout>,
    sender: Sender,
    receiver: mpsc::UnboundedSender<Ask>,
}

impl RedisBus {
    /// Starts the bus within a Tokio runtime; its work ends when it and all its subscriptions are
    /// dropped. Redis may come later, and may go and come again.
    pub fn new(redis: Redis) -> Self {
        let publisher = rand::random();
        let names = Names::new(redis.prefix(), publisher);
        let fanout = Arc::<Fanout>::default();
        let receiver = receiver::start(redis.clone(), names.clone(), fanout.clone());
        Self(Arc::new(Shared { fanout, sender: Sender::new(redis, names, publisher), receiver }))
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn publish(&self, messages: Vec<(Topic, Message)>) -> Result<()> {
        self.0.sender.publish(messages).await
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>> {
        let queue = self.0.fanout.subscribe();
        let topics =
            Arc::new(Heard { subscriber: queue.subscriber.clone(), receiver: self.0.receiver.clone() });
        Ok(Box::new(RedisSubscription { queue, topics }))
    }

    async fn probe(&self) -> Result<()> {
        let mut subscription = self.subscribe().await?;
        subscription.topics().listen(Topic::Probe).await?;
        self.publish(vec![(Topic::Probe, Message::Wake)]).await?;
        let arrived = async {
            loop {
                match subscription.recv().await {
                    Some(Item::Message(..)) => return Ok(()),
                    // Heard only now: what was published before is lost.
                    Some(Item::Lagged) => self.publish(vec![(Topic::Probe, Message::Wake)]).await?,
                    None => return Err(Error::unavailable("the bus has ended")),
                }
            }
        };
        let waited = timeout(PROBE, arrived).await;
        waited.unwrap_or_else(|_| Err(Error::unavailable("the bus does not deliver")))
    }
}

struct RedisSubscription {
    queue: Queue,
    topics: Arc<Heard>,
}

#[async_trait]
impl Subscription for RedisSubscription {
    fn topics(&self) -> Arc<dyn Topics> {
        self.topics.clone()
    }

    async fn recv(&mut self) -> Option<Item> {
        self.queue.recv().await
    }
}

impl Drop for RedisSubscription {
    fn drop(&mut self) {
        for topic in self.topics.subscriber.clear() {
            let _ = self.topics.receiver.send(Ask::Leave(topic));
        }
    }
}

/// The topics of one subscriber; the first interest in one and the last are told to the receiver.
struct Heard {
    subscriber: Arc<Subscriber>,
    receiver: mpsc::UnboundedSender<Ask>,
}

#[async_trait]
impl Topics for Heard {
    async fn listen(&self, topic: Topic) -> Result<()> {
        let (heard, hearing) = oneshot::channel();
        let new = self.subscriber.add(topic);
        // Whoever goes away before the answer does not listen.
        let mut undo = Undo { heard: Some(self), topic };
        if self.receiver.send(Ask::Listen { topic, new, heard }).is_err() {
            return Err(Error::unavailable("the bus has ended"));
        }
        // Unconfirmed by then: the receiver goes on trying, and says `Lagged` once it has succeeded.
        let _ = timeout(LISTEN, hearing).await;
        undo.heard = None;
        Ok(())
    }

    async fn leave(&self, topic: Topic) {
        self.leave_now(topic);
    }
}

impl Heard {
    fn leave_now(&self, topic: Topic) {
        if self.subscriber.remove(topic) {
            let _ = self.receiver.send(Ask::Leave(topic));
        }
    }
}

struct Undo<'a> {
    heard: Option<&'a Heard>,
    topic: Topic,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if let Some(heard) = self.heard {
            heard.leave_now(self.topic);
        }
    }
}
