use parlance_core::Result;
use parlance_proto::channel::{GetWorkspacesRequest, GetWorkspacesResponse};
use parlance_rpc::Context;

use super::workspace::shown;
use crate::domain::limits;
use crate::state::State;
use crate::store::workspaces;

/// Workspaces by num, in the order asked for: those of a user who asks; all live ones for services and the
/// app's backend.
pub async fn get_workspaces(
    state: &State,
    context: &Context,
    request: GetWorkspacesRequest,
) -> Result<GetWorkspacesResponse> {
    limits::batch("nums", request.nums.len(), limits::MAX_BATCH)?;
    let viewer = context.caller.user_num();
    if viewer.is_none() {
        context.caller.require_server()?;
    }
    let (app, read) = (context.caller.app, state.store.read());
    let mut rows = workspaces::find_many(read, app, &request.nums).await?;
    rows.sort_by_key(|row| request.nums.iter().position(|num| *num == row.num));
    let mut workspaces = shown(read, app, &rows, viewer).await?;
    workspaces.retain(|workspace| viewer.is_none() || workspace.membership.is_some());
    Ok(GetWorkspacesResponse { workspaces })
}
