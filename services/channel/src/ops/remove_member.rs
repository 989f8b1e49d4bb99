use parlance_core::{Reason, Result};
use parlance_proto::channel::{RemoveMemberRequest, RemoveMemberResponse};
use parlance_rpc::Context;

use super::end_membership::end_membership;
use super::{open, refusal};
use crate::convert;
use crate::domain::{Action, membership};
use crate::facts::Facts;
use crate::state::State;
use crate::store::members;

/// Removes a member of a lower role, or leaves. Repeating it changes nothing.
pub async fn remove_member(
    state: &State,
    context: &Context,
    request: RemoveMemberRequest,
) -> Result<RemoveMemberResponse> {
    let user = context.caller.require_user()?;
    let app = context.caller.app;
    let num = request.channel_num;
    let types = state.types(app).await?;

    let write = state.store.begin().await?;
    let mut opened = open(&write, context, &types, num).await?;
    opened.require_not_direct()?;
    let leaves = request.user_num == user;
    let target = if leaves {
        opened.caller.take()
    } else {
        let own = opened.require(Action::ManageMembers)?;
        let target = members::find(write.connection(), app, num, request.user_num).await?;
        if let Some(target) = &target
            && !membership::may_remove(own, convert::role_of(target)?)
        {
            return Err(refusal(Reason::RoleTooLow));
        }
        target
    };
    let Some(target) = target else {
        write.rollback().await?;
        return Ok(RemoveMemberResponse { removed: false, log_position: state.top().await? });
    };
    let now = state.now();
    let mut facts = Facts::new(context, now);
    end_membership(&write, &mut opened.channel, &target, !leaves, &mut facts, now).await?;
    let log_position = state.commit(write, facts.into_events()).await?;
    Ok(RemoveMemberResponse { removed: true, log_position })
}
