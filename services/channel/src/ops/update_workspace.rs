use parlance_core::{Error, Result};
use parlance_proto::channel::{UpdateWorkspaceRequest, UpdateWorkspaceResponse};
use parlance_rpc::Context;
use parlance_sql::{is_unique_violation, store_error};

use super::create_workspace::{end, name_taken};
use super::workspace::{TOLD, one_shown, open};
use crate::domain::limits;
use crate::domain::workspace::{name_key, type_named};
use crate::facts::Facts;
use crate::state::State;
use crate::store::{workspace, workspace_members, workspaces};

/// Changes name, kind, image, configuration and end of a workspace.
pub async fn update_workspace(
    state: &State,
    context: &Context,
    request: UpdateWorkspaceRequest,
) -> Result<UpdateWorkspaceResponse> {
    let user = context.caller.require_user()?;
    let app = context.caller.app;
    let now = state.now();
    request.name.as_deref().map_or(Ok(()), limits::required_name)?;
    request.image.as_deref().map_or(Ok(()), limits::image)?;
    let type_name = request.r#type.as_deref().map(type_named).transpose()?;
    let config = request.config.as_deref().map(limits::custom).transpose()?;
    let expires_at = match (&request.expires_at, request.never_expires) {
        (Some(_), true) => return Err(Error::invalid("expires_at", "contradicts never_expires")),
        (Some(at), false) => Some(Some(end(at, now)?)),
        (None, true) => Some(None),
        (None, false) => None,
    };

    let write = state.store.begin().await?;
    let opened = open(&write, context, request.workspace_num).await?;
    opened.require_manager()?;
    let before = opened.row;
    let mut row = workspace::Model {
        type_name: type_name.map_or_else(|| before.type_name.clone(), str::to_owned),
        image: request.image.unwrap_or_else(|| before.image.clone()),
        config: config.unwrap_or_else(|| before.config.clone()),
        expires_at: expires_at.unwrap_or(before.expires_at),
        ..before.clone()
    };
    if let Some(name) = request.name {
        row.name_key = name_key(&name);
        row.name = name;
    }
    if row == before {
        write.rollback().await?;
        let workspace = Some(one_shown(state.store.read(), &row, Some(user)).await?);
        return Ok(UpdateWorkspaceResponse { workspace, log_position: state.top().await? });
    }
    row.updated_at = now.0;
    workspaces::save(&write, &row).await.map_err(|error| match is_unique_violation(&error) {
        true => name_taken(),
        false => store_error(error),
    })?;
    let told = workspace_members::first_nums(&write, app, row.num, TOLD).await?;
    let mut facts = Facts::new(context, now);
    facts.workspace_updated(&row, one_shown(write.connection(), &row, None).await?, told);
    let workspace = Some(one_shown(write.connection(), &row, Some(user)).await?);
    let log_position = state.commit(write, facts.into_events()).await?;
    Ok(UpdateWorkspaceResponse { workspace, log_position })
}
