use parlance_core::{Error, Result};
use parlance_proto::channel::{AddWorkspaceMembersRequest, AddWorkspaceMembersResponse};
use parlance_rpc::Context;

use super::require_users;
use super::workspace::{enter, open, require_lasting};
use crate::domain::{WorkspaceRole, limits};
use crate::facts::Facts;
use crate::state::State;
use crate::store::workspace_members;

/// Adds users to a workspace. Present members are skipped.
pub async fn add_workspace_members(
    state: &State,
    context: &Context,
    request: AddWorkspaceMembersRequest,
) -> Result<AddWorkspaceMembersResponse> {
    context.caller.require_user()?;
    let (app, num) = (context.caller.app, request.workspace_num);
    let role = WorkspaceRole::parse_or_member(&request.role)?;
    let users = limits::users(request.user_nums)?;
    if users.is_empty() {
        return Err(Error::invalid("user_nums", "must name at least one user"));
    }
    require_users(state, context, &users).await?;

    let write = state.store.begin().await?;
    let opened = open(&write, context, num).await?;
    opened.require_may_assign(role)?;
    let now = state.now();
    require_lasting(&opened.row, now)?;
    let present = workspace_members::present(write.connection(), app, num, &users).await?;
    let absent: Vec<_> = users.difference(&present).copied().collect();
    if absent.is_empty() {
        write.rollback().await?;
        return Ok(AddWorkspaceMembersResponse { added_nums: absent, log_position: state.top().await? });
    }
    let mut facts = Facts::new(context, now);
    enter(&write, &opened.row, absent.iter().copied(), role, &mut facts, now).await?;
    let log_position = state.commit(write, facts.into_events()).await?;
    Ok(AddWorkspaceMembersResponse { added_nums: absent, log_position })
}
