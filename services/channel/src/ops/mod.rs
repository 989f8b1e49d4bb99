//! One use case a file, told top to bottom.

pub mod add_members;
pub mod authorize;
pub mod authorize_many;
pub mod await_facts;
pub mod create_channel;
pub mod delete_channel;
pub mod end_membership;
pub mod get_channels;
pub mod join;
pub mod list_channels;
pub mod list_companions;
pub mod list_members;
pub mod list_members_of_channels;
pub mod read_log;
pub mod remove_member;
pub mod resolve_mentions;
pub mod touch;
pub mod update_channel;
pub mod update_member;
pub mod update_member_settings;

use std::collections::{BTreeSet, HashMap};

use parlance_core::{Error, Num, Reason, Result};
use parlance_proto::auth::GetUsersRequest;
use parlance_rpc::Context;
use parlance_sql::Write;

use crate::convert;
use crate::domain::{Action, ChannelType, Decision, Role, decide};
use crate::state::{State, channel_not_found};
use crate::store::types::Types;
use crate::store::{channel, channels, member, members};

/// A channel locked for a change, with its type and the membership of whoever asks.
struct Opened<'a> {
    channel: channel::Model,
    channel_type: &'a ChannelType,
    caller: Option<member::Model>,
}

/// Locks a live channel. CHANNEL_NOT_FOUND if there is none in the app.
async fn open<'a>(write: &Write, context: &Context, types: &'a Types, num: Num) -> Result<Opened<'a>> {
    let app = context.caller.app;
    let channel = channels::lock(write, app, num).await?.ok_or_else(channel_not_found)?;
    let caller = match context.caller.user_num() {
        Some(user) => members::find(write.connection(), app, num, user).await?,
        None => None,
    };
    Ok(Opened { channel_type: types.of(&channel)?, channel, caller })
}

impl Opened<'_> {
    /// The caller's role. NOT_A_MEMBER if he has none, ROLE_TOO_LOW if it does not grant the action.
    fn require(&self, action: Action) -> Result<Role> {
        let member = self.caller.as_ref().ok_or_else(|| refusal(Reason::NotAMember))?;
        match decide(convert::situation(&self.channel, self.channel_type, Some(member))?, action) {
            Decision::Allowed => convert::role_of(member),
            Decision::AllowedByJoining => Err(refusal(Reason::NotAMember)),
            Decision::Refused(reason) => Err(refusal(reason)),
        }
    }

    /// DIRECT_IS_FIXED in a direct channel, for its members; NOT_A_MEMBER for strangers.
    fn require_not_direct(&self) -> Result<()> {
        match (self.channel_type.direct, &self.caller) {
            (false, _) => Ok(()),
            (true, Some(_)) => Err(refusal(Reason::DirectIsFixed)),
            (true, None) => Err(refusal(Reason::NotAMember)),
        }
    }
}

/// A refusal with a sentence for people.
fn refusal(reason: Reason) -> Error {
    Error::new(
        reason,
        match reason {
            Reason::NotAMember => "only members may do this",
            Reason::RoleTooLow => "your role in this channel does not allow this",
            Reason::DirectIsFixed => "the members of a direct channel are fixed",
            Reason::ChannelFrozen => "the channel is frozen",
            Reason::FeatureDisabled => "this is switched off in this channel",
            Reason::LastOwner => "a channel keeps at least one owner",
            Reason::MemberNotFound => "this user is not a member",
            _ => "this is not allowed here",
        },
    )
}

/// USER_NOT_FOUND unless all of these are live users of the app. One call, none for nobody.
async fn require_users(state: &State, context: &Context, users: &BTreeSet<Num>) -> Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    let request = GetUsersRequest { nums: users.iter().copied().collect(), ids: Vec::new() };
    let reply = state.auth().get_users(context.as_service().request(request)).await?.into_inner();
    let live: BTreeSet<Num> =
        reply.users.iter().filter(|user| user.deleted_at.is_none()).map(|user| user.num).collect();
    if users.is_subset(&live) {
        Ok(())
    } else {
        Err(Error::new(Reason::UserNotFound, "a user named as a member does not exist"))
    }
}

/// Rows by channel.
fn by_channel(rows: Vec<member::Model>) -> HashMap<Num, member::Model> {
    rows.into_iter().map(|row| (row.channel_num, row)).collect()
}
