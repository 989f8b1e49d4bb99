use parlance_core::{Reason, Result};
use parlance_proto::channel::{RemoveWorkspaceMemberRequest, RemoveWorkspaceMemberResponse};
use parlance_rpc::Context;

use super::leave_workspace::leave_workspace;
use super::refusal;
use super::workspace::open;
use crate::convert;
use crate::facts::Facts;
use crate::state::State;
use crate::store::{workspace_members, workspaces};

/// Removes a member of a workspace, or leaves it. Repeating it changes nothing.
pub async fn remove_workspace_member(
    state: &State,
    context: &Context,
    request: RemoveWorkspaceMemberRequest,
) -> Result<RemoveWorkspaceMemberResponse> {
    let user = context.caller.require_user()?;
    let (app, num) = (context.caller.app, request.workspace_num);

    let leaves = request.user_num == user;
    let write = state.store.begin().await?;
    let opened = match open(&write, context, num).await {
        Err(error) if leaves && error.reason == Reason::WorkspaceNotFound => {
            // He has left it before.
            let is_there = workspaces::find(write.connection(), app, num).await?.is_some();
            write.rollback().await?;
            return if is_there { unchanged(state).await } else { Err(error) };
        }
        opened => opened?,
    };
    if !leaves {
        opened.require_manager()?;
    }
    let Some(target) = workspace_members::find(write.connection(), app, num, request.user_num).await? else {
        write.rollback().await?;
        return unchanged(state).await;
    };
    let role = convert::workspace_role_of(&target)?;
    if !leaves && !opened.role.may_rule(role) {
        return Err(refusal(Reason::RoleTooLow));
    }
    if role.owns() && workspace_members::count_owners(&write, app, num).await? == 1 {
        return Err(refusal(Reason::LastOwner));
    }
    let now = state.now();
    let mut facts = Facts::new(context, now);
    leave_workspace(&write, &opened.row, target.user_num, !leaves, &mut facts, now).await?;
    let log_position = state.commit(write, facts.into_events()).await?;
    Ok(RemoveWorkspaceMemberResponse { removed: true, log_position })
}

async fn unchanged(state: &State) -> Result<RemoveWorkspaceMemberResponse> {
    Ok(RemoveWorkspaceMemberResponse { removed: false, log_position: state.top().await? })
}
