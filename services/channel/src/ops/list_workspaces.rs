use std::collections::HashMap;

use parlance_core::{Num, Result};
use parlance_proto::channel::{ListWorkspacesRequest, ListWorkspacesResponse};
use parlance_rpc::Context;

use super::workspace::shown;
use crate::domain::limits;
use crate::state::State;
use crate::store::{workspace, workspace_members, workspaces};

const USUAL_PAGE: u32 = 100;
const MAX_PAGE: u32 = 1000;

/// A page of the caller's workspaces, the one that he has belonged to longest first.
pub async fn list_workspaces(
    state: &State,
    context: &Context,
    request: ListWorkspacesRequest,
) -> Result<ListWorkspacesResponse> {
    let user = context.caller.require_user()?;
    let (app, read) = (context.caller.app, state.store.read());
    let limit = limits::page(request.limit, USUAL_PAGE, MAX_PAGE);
    let own = workspace_members::page_of_user(read, app, user, limit, u64::from(request.offset)).await?;
    let nums: Vec<Num> = own.iter().map(|member| member.workspace_num).collect();
    let found = workspaces::find_many(read, app, &nums).await?;
    let mut found: HashMap<Num, workspace::Model> = found.into_iter().map(|row| (row.num, row)).collect();
    let rows: Vec<workspace::Model> = nums.iter().filter_map(|num| found.remove(num)).collect();
    Ok(ListWorkspacesResponse { workspaces: shown(read, app, &rows, Some(user)).await? })
}
