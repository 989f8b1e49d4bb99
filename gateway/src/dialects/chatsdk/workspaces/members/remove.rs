use parlance_proto::channel::RemoveWorkspaceMemberRequest;

use super::super::super::prelude::*;
use super::super::super::request::UserPath;
use super::super::WorkspacePath;

/// `DELETE /api/workspaces/{wid}/members/{userId|me}`: removes a member, or leaves; the workspace's
/// channels too. The last owner stays (400).
#[utoipa::path(
    delete,
    path = "/api/workspaces/{wid}/members/{userId}",
    responses((status = 200, body = Success), (status = 400), (status = 403))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    WorkspacePath(workspace_num): WorkspacePath,
    UserPath(member): UserPath,
) -> Answer<Success> {
    let user_num = compose::num_of(&edge, &user, member).await?;
    let request = RemoveWorkspaceMemberRequest { workspace_num, user_num };
    let gone = edge.channel().remove_workspace_member(user.context.request(request)).await?.into_inner();
    compose::settle(&edge, &user.context, gone.log_position).await;
    success()
}
