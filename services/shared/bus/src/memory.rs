//! The bus inside one process.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parlance_core::{Error, Result};

use crate::fanout::Fanout;
use crate::{Bus, Item, Message, Subscription, Topic};

/// Delivers by handing over shared events; nothing is encoded.
#[derive(Debug, Default, Clone)]
pub struct MemoryBus {
    fanout: Arc<Fanout>,
}

impl MemoryBus {
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, messages: Vec<(Topic, Message)>) -> Result<()> {
        self.fanout.deliver(&messages);
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>> {
        Ok(Box::new(self.fanout.subscribe()))
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
