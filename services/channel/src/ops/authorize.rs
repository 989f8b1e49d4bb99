use parlance_core::{Num, Result};
use parlance_proto::channel::{AuthorizeRequest, AuthorizeResponse};
use parlance_rpc::Context;

use super::join::join;
use super::situation;
use super::workspace::hold_of;
use crate::convert;
use crate::domain::{Action, ChannelType, Decision, Role, decide};
use crate::facts::Facts;
use crate::state::{State, channel_not_found};
use crate::store::{channel, channels, member, members};

/// May this user do this here? If only joining stands between and `join` is set, he joins.
pub async fn authorize(
    state: &State,
    context: &Context,
    request: AuthorizeRequest,
) -> Result<AuthorizeResponse> {
    context.caller.require_service()?;
    let app = context.caller.app;
    let (num, user) = (request.channel_num, request.user_num);
    let action = convert::action(request.action)?;
    let types = state.types(app).await?;
    let channel = channels::find(state.store.read(), app, num).await?.ok_or_else(channel_not_found)?;
    let own = members::find(state.store.read(), app, num, user).await?;
    let of = types.of(&channel)?;
    let situation = situation(state.store.read(), &channel, of, user, own.as_ref(), action).await?;
    let decision = decide(situation, action);
    if decision == Decision::AllowedByJoining && request.join {
        let user = Joiner { user, workspace: channel.workspace_num };
        return join_first(state, context, num, user, of, action).await;
    }
    Ok(answer(state, &channel, of, own.as_ref(), decision, 0))
}

/// Who joins, and the workspace of what he joins.
struct Joiner {
    user: Num,
    workspace: Option<Num>,
}

/// Decides again under the channel's lock, and joins if that still is what is missing.
async fn join_first(
    state: &State,
    context: &Context,
    num: Num,
    joiner: Joiner,
    of: &ChannelType,
    action: Action,
) -> Result<AuthorizeResponse> {
    let context = &context.as_user(joiner.user);
    let (app, user) = (context.caller.app, joiner.user);
    let write = state.store.begin().await?;
    hold_of(&write, app, joiner.workspace).await?;
    let mut channel = channels::lock(&write, app, num).await?.ok_or_else(channel_not_found)?;
    let own = members::find(write.connection(), app, num, user).await?;
    let situation = situation(write.connection(), &channel, of, user, own.as_ref(), action).await?;
    let decision = decide(situation, action);
    if decision != Decision::AllowedByJoining {
        write.rollback().await?;
        // Somebody else may just have made him a member; that fact is to be awaited too.
        let log_position = if own.is_some() { state.top().await? } else { 0 };
        return Ok(answer(state, &channel, of, own.as_ref(), decision, log_position));
    }
    let now = state.now();
    let mut facts = Facts::new(context, now);
    let joined = join(&write, &mut channel, [user], Role::Member, &mut facts, now).await?;
    let log_position = state.commit(write, facts.into_events()).await?;
    Ok(answer(state, &channel, of, joined.first(), Decision::Allowed, log_position))
}

fn answer(
    state: &State,
    channel: &channel::Model,
    of: &ChannelType,
    own: Option<&member::Model>,
    decision: Decision,
    log_position: u64,
) -> AuthorizeResponse {
    let (allowed, reason) = convert::decision(decision);
    AuthorizeResponse {
        allowed,
        reason,
        member: own.map(|row| convert::member(row, state.now())),
        channel: Some(convert::channel(channel, of, None)),
        policy_version: channel.policy_version,
        log_position,
    }
}
