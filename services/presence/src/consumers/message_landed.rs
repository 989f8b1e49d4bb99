//! A message that lands ends its author's typing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use parlance_bus::{Item, Message, Subscription, Topic, Topics};
use parlance_core::{Micros, Num, Result};
use parlance_proto::event::Event;
use parlance_proto::event::event::Payload;
use parlance_proto::event::stream::Kind;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::ops::set_typing::stop_typing;
use crate::presence::Presence;
use crate::store::{Typist, User};

/// A channel is listened to for this long after the last word of somebody typing there.
const LISTEN_FOR: Duration = Duration::from_secs(10);

/// The channels in which somebody types, each listened to.
pub(crate) struct Watch {
    topics: Arc<dyn Topics>,
    channels: Mutex<HashMap<Num, Micros>>,
}

impl Watch {
    pub(crate) fn new(topics: Arc<dyn Topics>) -> Self {
        Self { topics, channels: Mutex::default() }
    }

    /// Listens to the channel from now on. Nobody waits for what another one listens to.
    pub(crate) async fn keep(&self, channel: Num, now: Micros) -> Result<()> {
        let new = self.channels.lock().insert(channel, now).is_none();
        if new && let Err(error) = self.topics.listen(Topic::chat(channel)).await {
            self.channels.lock().remove(&channel);
            return Err(error);
        }
        Ok(())
    }

    /// Leaves the channels in which nobody types any longer.
    pub(crate) async fn sweep(&self, now: Micros) {
        let over: Vec<Num> = self
            .channels
            .lock()
            .extract_if(|_, heard| now >= *heard + LISTEN_FOR)
            .map(|(num, _)| num)
            .collect();
        for channel in over {
            self.topics.leave(Topic::chat(channel)).await;
        }
    }
}

/// Follows the channels of the watch until `stop`. What is missed when the bus lags ends by silence.
pub(crate) async fn run(
    presence: Arc<Presence>,
    mut subscription: Box<dyn Subscription>,
    stop: CancellationToken,
) {
    while let Some(Some(item)) = stop.run_until_cancelled(subscription.recv()).await {
        let Item::Message(_, Message::Event(event)) = item else { continue };
        if let Some(typist) = author(&event)
            && let Err(error) = stop_typing(&presence, typist).await
        {
            tracing::debug!(reason = %error.reason, "the end of typing was not told");
        }
    }
}

/// Who wrote the message that the event tells of, and where.
fn author(event: &Event) -> Option<Typist> {
    let stream = event.stream.as_ref().filter(|stream| stream.kind() == Kind::Chat)?;
    let message = match event.payload.as_ref()? {
        Payload::MessageCreated(created) => created.message.as_ref(),
        Payload::ThreadReplied(replied) => replied.message.as_ref(),
        _ => return None,
    };
    let num = message.map_or(event.actor_num, |message| message.author_num);
    let app = Uuid::try_parse(&event.app_id).ok()?;
    Some(Typist { user: User { app, num }, channel: stream.num })
}
