use parlance_proto::channel::DeleteWorkspaceRequest;

use super::super::prelude::*;
use super::WorkspacePath;

/// `DELETE /api/workspaces/{wid}`: deletes a workspace, its channels too; the owner only.
#[utoipa::path(
    delete,
    path = "/api/workspaces/{wid}",
    responses((status = 200, body = Success), (status = 403))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    WorkspacePath(workspace_num): WorkspacePath,
) -> Answer<Success> {
    let request = user.context.request(DeleteWorkspaceRequest { workspace_num });
    let gone = edge.channel().delete_workspace(request).await?.into_inner();
    compose::settle(&edge, &user.context, gone.log_position).await;
    success()
}
