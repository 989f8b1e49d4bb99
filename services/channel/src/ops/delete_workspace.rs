use parlance_core::{Micros, Reason, Result};
use parlance_proto::channel::{DeleteWorkspaceRequest, DeleteWorkspaceResponse};
use parlance_rpc::Context;
use parlance_sql::{Write, store_error};

use super::delete_channel::mark_deleted;
use super::refusal;
use super::workspace::{TOLD, open};
use crate::facts::Facts;
use crate::state::State;
use crate::store::{channels, invites, workspace, workspace_members, workspaces};

/// Deletes a workspace with its channels, for its owner.
pub async fn delete_workspace(
    state: &State,
    context: &Context,
    request: DeleteWorkspaceRequest,
) -> Result<DeleteWorkspaceResponse> {
    context.caller.require_user()?;
    let write = state.store.begin().await?;
    let opened = open(&write, context, request.workspace_num).await?;
    if !opened.role.owns() {
        return Err(refusal(Reason::RoleTooLow));
    }
    let now = state.now();
    let mut facts = Facts::new(context, now);
    end_workspace(&write, opened.row, None, &mut facts, now).await?;
    let log_position = state.commit(write, facts.into_events()).await?;
    Ok(DeleteWorkspaceResponse { log_position })
}

/// Ends a locked workspace, and its channels before it; direct ones go on without it. Its name is free
/// again. `also` is told as well, though no member any more.
pub async fn end_workspace(
    write: &Write,
    mut row: workspace::Model,
    also: Option<parlance_core::Num>,
    facts: &mut Facts<'_>,
    now: Micros,
) -> Result<()> {
    let (app, num) = (row.app, row.num);
    let mut told = workspace_members::first_nums(write, app, num, TOLD).await?;
    told.extend(also.filter(|user| !told.contains(user)));
    for mut channel in channels::lock_of_workspace(write, app, num).await? {
        channel.policy_version += 1;
        mark_deleted(write, &mut channel, facts, now).await?;
    }
    channels::release_direct(write, app, num).await?;
    workspace_members::remove_all(write, app, num).await?;
    invites::remove_of_workspace(write, app, num).await?;
    row.deleted_at = Some(now.0);
    row.updated_at = now.0;
    workspaces::save(write, &row).await.map_err(store_error)?;
    facts.workspace_deleted(&row, told);
    Ok(())
}
