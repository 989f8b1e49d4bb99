use parlance_core::{Reason, Result};
use parlance_proto::channel::{ListChannelsRequest, ListChannelsResponse};
use parlance_rpc::Context;

use super::{by_channel, refusal};
use crate::convert;
use crate::domain::limits;
use crate::state::{State, workspace_not_found};
use crate::store::channels::{self, Page};
use crate::store::{members, workspace_members, workspaces};

const USUAL_PAGE: u32 = 50;
const MAX_PAGE: u32 = 100;

/// A page of what the caller has joined or may discover, in two statements whatever its size.
pub async fn list_channels(
    state: &State,
    context: &Context,
    request: ListChannelsRequest,
) -> Result<ListChannelsResponse> {
    let user = context.caller.require_user()?;
    let app = context.caller.app;
    let types = state.types(app).await?;
    if !request.r#type.is_empty() {
        types.named(&request.r#type)?;
    }
    if request.workspace_num != 0 {
        let workspace = request.workspace_num;
        workspaces::find(state.store.read(), app, workspace).await?.ok_or_else(workspace_not_found)?;
        let inside = workspace_members::find(state.store.read(), app, workspace, user).await?;
        inside.ok_or_else(|| refusal(Reason::NotInWorkspace))?;
    }
    let page = Page {
        type_name: &request.r#type,
        workspace: request.workspace_num,
        limit: limits::page(request.limit, USUAL_PAGE, MAX_PAGE),
        offset: u64::from(request.offset),
    };
    let rows = channels::list(&state.store, app, user, page).await?;
    let nums: Vec<_> = rows.iter().map(|row| row.num).collect();
    let own = by_channel(members::of_user(state.store.read(), app, user, &nums).await?);
    let now = state.now();
    let channels = rows
        .iter()
        .map(|row| Ok(convert::channel_with(row, types.of(row)?, user, own.get(&row.num), now)))
        .collect::<Result<_>>()?;
    Ok(ListChannelsResponse { channels })
}
