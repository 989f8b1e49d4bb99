use super::super::prelude::*;
use super::shape::Workspace;
use super::{WorkspacePath, composed, found};

/// `GET /api/workspaces/{wid}`: one workspace, for its members; to others it does not exist.
#[utoipa::path(
    get,
    path = "/api/workspaces/{wid}",
    responses((status = 200, body = Workspace))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    WorkspacePath(num): WorkspacePath,
) -> Answer<Workspace> {
    let workspace = found(&edge, &user, num).await?;
    Ok(Json(composed(&edge, &user, Some(workspace)).await?))
}
