use parlance_core::Result;
use parlance_proto::channel::{ListWorkspaceMembersRequest, ListWorkspaceMembersResponse};
use parlance_rpc::Context;

use super::workspace::count;
use crate::convert;
use crate::domain::limits;
use crate::state::{State, workspace_not_found};
use crate::store::{workspace_members, workspaces};

const USUAL_PAGE: u32 = 100;
const MAX_PAGE: u32 = 1000;

/// A page of a workspace's members, to one of them.
pub async fn list_workspace_members(
    state: &State,
    context: &Context,
    request: ListWorkspaceMembersRequest,
) -> Result<ListWorkspaceMembersResponse> {
    let (app, num, read) = (context.caller.app, request.workspace_num, state.store.read());
    let row = workspaces::find(read, app, num).await?.ok_or_else(workspace_not_found)?;
    match context.caller.user_num() {
        None => context.caller.require_server()?,
        Some(user) => {
            let own = workspace_members::find(read, app, num, user).await?;
            own.ok_or_else(workspace_not_found)?;
        }
    }
    let limit = limits::page(request.limit, USUAL_PAGE, MAX_PAGE);
    let rows = workspace_members::list(read, app, num, limit, u64::from(request.offset)).await?;
    let members = rows.iter().map(convert::workspace_member).collect();
    Ok(ListWorkspaceMembersResponse { members, member_count: count(read, &row).await? })
}
