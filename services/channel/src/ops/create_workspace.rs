use parlance_core::{Error, Micros, Num, Reason, Result};
use parlance_proto::channel::{CreateWorkspaceRequest, CreateWorkspaceResponse};
use parlance_rpc::Context;
use prost_types::Timestamp;

use super::workspace::one_shown;
use crate::domain::workspace::{name_key, type_or_team};
use crate::domain::{WorkspaceRole, limits};
use crate::facts::Facts;
use crate::state::{State, workspace_not_found};
use crate::store::{workspace, workspace_members, workspaces};

/// Tries at finding a free num; a clash is all but impossible.
const MAX_ATTEMPTS: u32 = 3;

/// Creates a workspace with the caller as owner, or answers with the one that a repeat means. Unique keys
/// decide who is first.
pub async fn create_workspace(
    state: &State,
    context: &Context,
    request: CreateWorkspaceRequest,
) -> Result<CreateWorkspaceResponse> {
    let creator = context.caller.require_user()?;
    let app = context.caller.app;
    let now = state.now();
    let draft = check(context, creator, request, now)?;
    if let Some(key) = &draft.idempotency_key
        && let Some(first) = workspaces::find_repeat(state.store.read(), app, creator, key).await?
    {
        return repeated(state, creator, first).await;
    }

    let write = state.store.begin().await?;
    let mut attempt = 0;
    let row = loop {
        let row = workspace::Model { num: state.nums.next(now), ..draft.clone() };
        if workspaces::insert(&write, row.clone()).await? {
            break row;
        }
        if let Some(key) = &draft.idempotency_key
            && let Some(first) = workspaces::find_repeat(write.connection(), app, creator, key).await?
        {
            write.rollback().await?;
            return repeated(state, creator, first).await;
        }
        if workspaces::find_by_name(write.connection(), app, &draft.name_key).await?.is_some() {
            return Err(name_taken());
        }
        attempt += 1;
        if attempt == MAX_ATTEMPTS {
            return Err(Error::unavailable("no free number was found for the workspace"));
        }
    };
    let own = workspace_members::fresh(app, row.num, creator, WorkspaceRole::Owner, now);
    workspace_members::add(&write, vec![own]).await?;
    let mut facts = Facts::new(context, now);
    let workspace = one_shown(write.connection(), &row, Some(creator)).await?;
    facts.workspace_created(&row, workspace.clone(), vec![creator]);
    let log_position = state.commit(write, facts.into_events()).await?;
    Ok(CreateWorkspaceResponse { workspace: Some(workspace), created: true, log_position })
}

/// The row as asked for, but for its num.
fn check(
    context: &Context,
    creator: Num,
    request: CreateWorkspaceRequest,
    now: Micros,
) -> Result<workspace::Model> {
    limits::required_name(&request.name)?;
    limits::image(&request.image)?;
    limits::key("idempotency_key", &request.idempotency_key)?;
    Ok(workspace::Model {
        num: 0,
        app: context.caller.app,
        name_key: name_key(&request.name),
        name: request.name,
        type_name: type_or_team(&request.r#type)?.to_owned(),
        image: request.image,
        config: limits::custom(&request.config)?,
        creator_num: creator,
        idempotency_key: Some(request.idempotency_key).filter(|key| !key.is_empty()),
        expires_at: request.expires_at.as_ref().map(|at| end(at, now)).transpose()?,
        created_at: now.0,
        updated_at: now.0,
        deleted_at: None,
    })
}

/// When a workspace ends: some time in the future.
pub fn end(at: &Timestamp, now: Micros) -> Result<i64> {
    match Micros::from_timestamp(at) {
        Some(at) if at > now => Ok(at.0),
        _ => Err(Error::invalid("expires_at", "must be in the future")),
    }
}

pub fn name_taken() -> Error {
    let message = "this app has a workspace of that name";
    Error { field: Some("name".to_owned()), ..Error::new(Reason::WorkspaceNameTaken, message) }
}

async fn repeated(state: &State, viewer: Num, first: workspace::Model) -> Result<CreateWorkspaceResponse> {
    let workspace = one_shown(state.store.read(), &first, Some(viewer)).await?;
    // He made it, and may have left it since.
    if workspace.membership.is_none() {
        return Err(workspace_not_found());
    }
    let log_position = state.top().await?;
    Ok(CreateWorkspaceResponse { workspace: Some(workspace), created: false, log_position })
}
