use std::sync::Arc;

use parlance_bus::{Bus, Item, Message, Subscription, Topic};
use parlance_proto::event::Event;

use crate::PATIENCE;

/// Hears what is published on some topics.
pub struct Listener {
    subscription: Box<dyn Subscription>,
}

impl Listener {
    /// Hears everything that is published on the topics from now on.
    pub async fn on(bus: &dyn Bus, topics: &[Topic]) -> Self {
        let subscription = bus.subscribe().await.expect("the bus takes a subscription");
        for topic in topics {
            subscription.topics().listen(*topic).await.expect("the bus takes a topic");
        }
        Self { subscription }
    }

    /// The next message; panics if none comes.
    pub async fn next(&mut self) -> (Topic, Message) {
        match tokio::time::timeout(PATIENCE, self.subscription.recv()).await {
            Ok(Some(Item::Message(topic, message))) => (topic, message),
            Ok(other) => panic!("waited for a message, got {other:?}"),
            Err(_) => panic!("waited for a message, none came"),
        }
    }

    /// The next event, wakes skipped; panics if none comes.
    pub async fn next_event(&mut self) -> Arc<Event> {
        loop {
            if let (_, Message::Event(event)) = self.next().await {
                return event;
            }
        }
    }

    /// Everything that has arrived so far.
    pub async fn arrived(&mut self) -> Vec<(Topic, Message)> {
        let mut arrived = Vec::new();
        while let Ok(Some(Item::Message(topic, message))) =
            tokio::time::timeout(std::time::Duration::ZERO, self.subscription.recv()).await
        {
            arrived.push((topic, message));
        }
        arrived
    }
}
