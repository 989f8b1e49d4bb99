use parlance_core::{Reason, Result};
use parlance_proto::channel::{UpdateWorkspaceMemberRequest, UpdateWorkspaceMemberResponse};
use parlance_rpc::Context;

use super::refusal;
use super::workspace::open;
use crate::convert;
use crate::domain::WorkspaceRole;
use crate::facts::Facts;
use crate::state::State;
use crate::store::workspace_members;

/// Gives a member of a workspace another role, or lays down one's own.
pub async fn update_workspace_member(
    state: &State,
    context: &Context,
    request: UpdateWorkspaceMemberRequest,
) -> Result<UpdateWorkspaceMemberResponse> {
    let user = context.caller.require_user()?;
    let (app, num) = (context.caller.app, request.workspace_num);
    let to = WorkspaceRole::parse(&request.role)?;

    let write = state.store.begin().await?;
    let opened = open(&write, context, num).await?;
    let himself = request.user_num == user;
    if !himself {
        opened.require_manager()?;
    }
    let mut target = workspace_members::find(write.connection(), app, num, request.user_num)
        .await?
        .ok_or_else(|| refusal(Reason::MemberNotFound))?;
    let from = convert::workspace_role_of(&target)?;
    let may = match himself {
        true => to <= from,
        false => opened.role.may_rule(from) && opened.role.may_assign(to),
    };
    if !may {
        return Err(refusal(Reason::RoleTooLow));
    }
    if from == to {
        write.rollback().await?;
        let member = Some(convert::workspace_member(&target));
        return Ok(UpdateWorkspaceMemberResponse { member, log_position: state.top().await? });
    }
    if from.owns() && workspace_members::count_owners(&write, app, num).await? == 1 {
        return Err(refusal(Reason::LastOwner));
    }
    target.role = to.as_str().to_owned();
    target.rank = to.rank();
    workspace_members::save(&write, &target).await?;
    // What a role allows is asked each time: nobody remembers it, and nobody needs to be told.
    let log_position = state.commit(write, Facts::new(context, state.now()).into_events()).await?;
    Ok(UpdateWorkspaceMemberResponse { member: Some(convert::workspace_member(&target)), log_position })
}
