//! Tells others who came and went.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use parking_lot::Mutex;
use parlance_bus::{Bus, Message, Topic};
use parlance_core::{Caller, Clock, Result};
use parlance_proto::channel::ListCompanionsRequest;
use parlance_rpc::{ChannelClient, Context};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::convert;
use crate::store::{News, User};

/// Announcements whose audience is being asked for at once.
const CONCURRENT: usize = 8;

/// Asks for the audience of each piece of news and publishes it, beside the calls that caused it.
/// Of one user only the latest news wait; one that cannot be told is dropped (presence is lossy).
pub(crate) struct Announcer {
    waiting: Mutex<HashMap<User, News>>,
    arrived: Notify,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    channel: ChannelClient,
    max_members: u32,
}

impl Announcer {
    pub(crate) fn new(
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        channel: ChannelClient,
        max_members: u32,
    ) -> Self {
        Self { waiting: Mutex::default(), arrived: Notify::new(), bus, clock, channel, max_members }
    }

    pub(crate) fn announce(&self, news: Vec<News>) {
        if news.is_empty() {
            return;
        }
        self.waiting.lock().extend(news.into_iter().map(|news| (news.user, news)));
        self.arrived.notify_one();
    }

    pub(crate) fn bus(&self) -> &dyn Bus {
        &*self.bus
    }

    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(self.arrived.notified()).await.is_some() {
            let round = std::mem::take(&mut *self.waiting.lock());
            // One round after the other: two news of one user never overtake each other.
            let round = stream::iter(round.into_values())
                .for_each_concurrent(CONCURRENT, |news| self.clone().tell_or_drop(news));
            if stop.run_until_cancelled(round).await.is_none() {
                return;
            }
        }
    }

    async fn tell_or_drop(self: Arc<Self>, news: News) {
        let outcome = match self.tell(&news).await {
            Ok(()) => "told",
            Err(error) => {
                tracing::debug!(reason = %error.reason, "a presence change was not announced");
                "dropped"
            }
        };
        metrics::counter!("parlance_presence_news_total", "outcome" => outcome).increment(1);
    }

    async fn tell(&self, news: &News) -> Result<()> {
        let context = Context::new(Caller::service(news.user.app));
        let (user_num, max_members) = (news.user.num, self.max_members);
        let question = ListCompanionsRequest { user_num, max_members, ..Default::default() };
        let audience =
            self.channel.clone().list_companions(context.request(question)).await?.into_inner().user_nums;
        // An empty audience would mean everybody.
        if audience.is_empty() {
            return Ok(());
        }
        let event = convert::presence_event(news, audience, self.clock.now());
        self.bus.publish(vec![(Topic::Presence, Message::Event(Arc::new(event)))]).await
    }
}
