//! Who is in a channel: asked of the channel service, kept shortly, forgotten when a fact changes it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use moka::sync::Cache;
use parlance_core::{Caller, Error, Num, Reason, Result};
use parlance_proto::channel::{ListMembersOfChannelsRequest, ListMembersRequest};
use parlance_rpc::{ChannelClient, Context};
use uuid::Uuid;

const KEPT: Duration = Duration::from_secs(60);
/// Members kept, of all channels together.
const MOST: u64 = 2_000_000;
/// Channels of one question, members told of each, and members of a page of a larger channel.
const CHANNELS: usize = 100;
const FEW: u32 = 100;
const PAGE: u32 = 1000;
/// Larger channels that are read at once.
const AT_ONCE: usize = 8;

/// The members of a channel.
#[derive(Debug, Clone)]
pub enum Crowd {
    Few(Arc<[Num]>),
    /// Too many for each message to be pushed.
    TooMany,
}

impl Crowd {
    fn weight(&self) -> u32 {
        match self {
            Crowd::Few(members) => members.len() as u32 + 1,
            Crowd::TooMany => 1,
        }
    }
}

pub struct Members {
    channel: ChannelClient,
    max_fanout: u32,
    known: Cache<(Uuid, Num), Crowd>,
}

impl Members {
    pub fn new(channel: ChannelClient, max_fanout: u32) -> Self {
        let known = Cache::builder().weigher(|_, crowd: &Crowd| crowd.weight()).max_capacity(MOST);
        Self { channel, max_fanout, known: known.time_to_live(KEPT).build() }
    }

    /// The membership of a channel has changed.
    pub fn forget(&self, app: Uuid, channel: Num) {
        self.known.invalidate(&(app, channel));
    }

    /// Facts have been consumed elsewhere.
    pub fn forget_all(&self) {
        self.known.invalidate_all();
    }

    /// The members of some channels of an app. A channel that is gone has none.
    pub async fn of(&self, app: Uuid, channels: &[Num]) -> Result<Vec<(Num, Crowd)>> {
        let (mut found, mut unknown) = (Vec::with_capacity(channels.len()), Vec::new());
        for &channel in channels {
            match self.known.get(&(app, channel)) {
                Some(crowd) => found.push((channel, crowd)),
                None => unknown.push(channel),
            }
        }
        let context = Context::new(Caller::service(app));
        let mut larger = Vec::new();
        for asked in unknown.chunks(CHANNELS) {
            let request = ListMembersOfChannelsRequest { channel_nums: asked.to_vec(), limit_each: FEW };
            let request = context.request(request);
            let reply = self.channel.clone().list_members_of_channels(request).await?.into_inner();
            let mut gone = asked.to_vec();
            for list in reply.channels {
                gone.retain(|channel| *channel != list.channel_num);
                if list.members.len() > self.max_fanout as usize {
                    found.push((list.channel_num, Crowd::TooMany));
                } else if list.members.len() >= FEW as usize {
                    larger.push(list.channel_num);
                } else {
                    let members = list.members.iter().map(|member| member.user_num).collect();
                    found.push((list.channel_num, Crowd::Few(members)));
                }
            }
            found.extend(gone.into_iter().map(|channel| (channel, Crowd::Few(Arc::from([])))));
        }
        let larger: Vec<(Num, Crowd)> = futures_util::stream::iter(larger)
            .map(|channel| self.of_larger(&context, channel))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        found.extend(larger);
        for (channel, crowd) in &found {
            if unknown.contains(channel) {
                self.known.insert((app, *channel), crowd.clone());
            }
        }
        Ok(found)
    }

    async fn of_larger(&self, context: &Context, channel: Num) -> Result<(Num, Crowd)> {
        let mut members = Vec::new();
        loop {
            let request =
                ListMembersRequest { channel_num: channel, limit: PAGE, offset: members.len() as u32 };
            let page = match self.channel.clone().list_members(context.request(request)).await {
                Ok(page) => page.into_inner(),
                Err(status) => match Error::from(status) {
                    error if error.reason == Reason::ChannelNotFound => {
                        return Ok((channel, Crowd::Few(Arc::from([]))));
                    }
                    error => return Err(error),
                },
            };
            if page.member_count.max(0) as u32 > self.max_fanout {
                return Ok((channel, Crowd::TooMany));
            }
            let is_last = page.members.len() < PAGE as usize;
            members.extend(page.members.iter().map(|member| member.user_num));
            if is_last {
                return Ok((channel, Crowd::Few(members.into())));
            }
        }
    }
}
