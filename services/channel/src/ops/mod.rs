//! One use case a file, told top to bottom.

pub mod accept_invite;
pub mod add_members;
pub mod add_workspace_members;
pub mod authorize;
pub mod authorize_many;
pub mod await_facts;
pub mod block_user;
pub mod create_channel;
pub mod create_invites;
pub mod create_workspace;
pub mod delete_channel;
pub mod delete_workspace;
pub mod end_membership;
pub mod find_blocks;
pub mod get_channels;
pub mod get_workspaces;
pub mod join;
pub mod leave_workspace;
pub mod list_blocked;
pub mod list_channels;
pub mod list_companions;
pub mod list_members;
pub mod list_members_of_channels;
pub mod list_workspace_members;
pub mod list_workspaces;
pub mod read_log;
pub mod remove_member;
pub mod remove_workspace_member;
pub mod resolve_mentions;
pub mod touch;
pub mod unblock_user;
pub mod update_channel;
pub mod update_member;
pub mod update_member_settings;
pub mod update_workspace;
pub mod update_workspace_member;
mod workspace;

use std::collections::{BTreeSet, HashMap};

use parlance_core::{Error, Num, Reason, Result};
use parlance_proto::auth::GetUsersRequest;
use parlance_rpc::Context;
use parlance_sql::Write;
use sea_orm::ConnectionTrait;

use crate::convert;
use crate::domain::{Action, ChannelType, Decision, Role, Situation, decide};
use crate::state::{State, channel_not_found};
use crate::store::types::Types;
use crate::store::{blocks, channel, channels, member, members, workspace_members};

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
        // What is asked for here is neither open to strangers nor hindered by a block.
        let situation = convert::situation(&self.channel, self.channel_type, Some(member), false, false)?;
        match decide(situation, action) {
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

/// Whether somebody may read a channel, and join it, without being a member.
async fn is_open<C: ConnectionTrait>(connection: &C, channel: &channel::Model, user: Num) -> Result<bool> {
    match (channel.discoverable, channel.workspace_num.filter(|_| channel.open_in_workspace)) {
        (true, _) => Ok(true),
        (false, None) => Ok(false),
        (false, Some(workspace)) => {
            let own = workspace_members::find(connection, channel.app, workspace, user).await?;
            Ok(own.is_some())
        }
    }
}

/// What to decide by, read after the channel: what changes later than this raises its policy version.
async fn situation<'a, C: ConnectionTrait>(
    connection: &C,
    channel: &channel::Model,
    of: &'a ChannelType,
    user: Num,
    own: Option<&member::Model>,
    action: Action,
) -> Result<Situation<'a>> {
    let open = own.is_none() && is_open(connection, channel, user).await?;
    let blocked = match convert::pair_of(channel).filter(|_| action.addresses()) {
        Some((one, other)) => blocks::between(connection, channel.app, one, other).await?,
        None => false,
    };
    convert::situation(channel, of, own, open, blocked)
}

/// A refusal with a sentence for people.
fn refusal(reason: Reason) -> Error {
    Error::new(
        reason,
        match reason {
            Reason::NotAMember => "only members may do this",
            Reason::RoleTooLow => "your role does not allow this here",
            Reason::DirectIsFixed => "the members of a direct channel are fixed",
            Reason::ChannelFrozen => "the channel is frozen",
            Reason::FeatureDisabled => "this is switched off in this channel",
            Reason::LastOwner => "at least one owner must be left",
            Reason::MemberNotFound => "this user is not a member",
            Reason::UserBlocked => "one of you has blocked the other",
            Reason::WorkspaceNotFound => "no such workspace",
            Reason::NotInWorkspace => "not a member of the workspace",
            Reason::WorkspaceExpired => "the workspace is over",
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
