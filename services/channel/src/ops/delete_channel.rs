use parlance_core::{Micros, Result};
use parlance_proto::channel::{DeleteChannelRequest, DeleteChannelResponse};
use parlance_rpc::Context;
use parlance_sql::Write;

use super::open;
use super::workspace::announced_to;
use crate::domain::{Action, limits};
use crate::facts::Facts;
use crate::state::{State, channel_not_found};
use crate::store::{channel, channels, members};

/// Deletes a channel; to those who are no members it does not exist.
pub async fn delete_channel(
    state: &State,
    context: &Context,
    request: DeleteChannelRequest,
) -> Result<DeleteChannelResponse> {
    context.caller.require_user()?;
    let types = state.types(context.caller.app).await?;

    let write = state.store.begin().await?;
    let mut opened = open(&write, context, &types, request.channel_num).await?;
    if opened.caller.is_none() {
        return Err(channel_not_found());
    }
    opened.require(Action::DeleteChannel)?;
    let now = state.now();
    let mut facts = Facts::new(context, now);
    opened.channel.policy_version += 1;
    mark_deleted(&write, &mut opened.channel, &mut facts, now).await?;
    let log_position = state.commit(write, facts.into_events()).await?;
    Ok(DeleteChannelResponse { log_position })
}

/// Ends a locked channel and names its first members (at most 100) in the fact. Its keys are free
/// again; its members' rows stay, seen by nobody.
pub async fn mark_deleted(
    write: &Write,
    channel: &mut channel::Model,
    facts: &mut Facts<'_>,
    now: Micros,
) -> Result<()> {
    let most = limits::MAX_MEMBERS_PER_CALL as u64;
    let member_nums = members::first_nums(write, channel.app, channel.num, most).await?;
    channel.deleted_at = Some(now.0);
    channel.updated_at = now.0;
    channels::save(write, channel).await?;
    let announced = announced_to(write, channel).await?;
    facts.channel_deleted(channel, member_nums, announced);
    Ok(())
}
