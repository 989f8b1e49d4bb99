//! Who may do what where: asked of the channel service, remembered while it holds.
//!
//! What is remembered is never used alone: whoever uses it compares its policy version with the head
//! that he reads or locks anyway. Heads are shared by all replicas, so a right that one of them has taken
//! away is gone for the others as soon as the fact stands in the stream.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use parlance_core::{Error, Num, Reason, Result};
use parlance_proto::channel::{Action, AuthorizeRequest, Channel};
use parlance_rpc::{ChannelClient, Context};
use uuid::Uuid;

/// Decisions kept.
const CAPACITY: u64 = 100_000;
const KEPT: Duration = Duration::from_secs(60);

/// A permission that was given.
#[derive(Debug)]
pub struct Decision {
    /// Holds while the channel's policy version is at most this.
    pub policy_version: i64,
    pub channel: Channel,
    /// Position in the channel service's log of the join that this question caused; 0 = none.
    pub joined_at: u64,
}

impl Decision {
    pub fn read_events(&self) -> bool {
        self.channel.config.as_ref().is_none_or(|config| config.read_events)
    }
}

type Key = (Uuid, Num, Num, i32);

/// Permissions of users in channels.
pub struct Access {
    channel: ChannelClient,
    given: Cache<Key, Arc<Decision>>,
}

impl Access {
    pub fn new(channel: ChannelClient) -> Self {
        Self { channel, given: Cache::builder().max_capacity(CAPACITY).time_to_live(KEPT).build() }
    }

    /// The permission of the calling user for `action`; an error says why not. `min_version` is the
    /// newest policy version that the caller knows of: an older permission is asked for anew.
    pub async fn require(
        &self,
        context: &Context,
        channel: Num,
        action: Action,
        join: bool,
        min_version: i64,
    ) -> Result<Arc<Decision>> {
        let user = context.caller.require_user()?;
        let key = (context.caller.app, channel, user, action as i32);
        if let Some(decision) = self.given.get(&key).filter(|given| given.policy_version >= min_version) {
            return Ok(decision);
        }
        let question = AuthorizeRequest { channel_num: channel, user_num: user, action: action.into(), join };
        let answer =
            self.channel.clone().authorize(context.as_service().request(question)).await?.into_inner();
        if !answer.allowed {
            let reason = Reason::parse(&answer.reason).unwrap_or(Reason::NotAllowed);
            return Err(Error::new(reason, "not allowed in this channel"));
        }
        let channel =
            answer.channel.ok_or_else(|| Error::internal("a permission came without its channel"))?;
        let decision = Arc::new(Decision {
            policy_version: answer.policy_version,
            channel,
            joined_at: answer.log_position,
        });
        if decision.joined_at == 0 {
            self.given.insert(key, decision.clone());
        }
        Ok(decision)
    }
}
