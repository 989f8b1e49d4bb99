use parlance_proto::channel::UpdateWorkspaceMemberRequest;

use super::super::super::prelude::*;
use super::super::super::request::{UserPath, required};
use super::super::super::schema::WorkspaceRole;
use super::super::WorkspacePath;

#[derive(Deserialize, ToSchema)]
pub struct Body {
    #[schema(value_type = WorkspaceRole)]
    role: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Reply {
    success: bool,
    #[schema(value_type = WorkspaceRole)]
    role: String,
}

/// `PATCH /api/workspaces/{wid}/members/{userId|me}`: gives a member another role; owner or admin, and only
/// owners make owners. The last owner stays one (400).
#[utoipa::path(
    patch,
    path = "/api/workspaces/{wid}/members/{userId}",
    request_body = Body,
    responses((status = 200, body = Reply), (status = 403))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    WorkspacePath(workspace_num): WorkspacePath,
    UserPath(member): UserPath,
    Input(body): Input<Body>,
) -> Answer<Reply> {
    let role = required("role", body.role)?;
    let user_num = compose::num_of(&edge, &user, member).await?;
    let request = UpdateWorkspaceMemberRequest { workspace_num, user_num, role: role.clone() };
    let changed = edge.channel().update_workspace_member(user.context.request(request)).await?.into_inner();
    Ok(Json(Reply { success: true, role: changed.member.map_or(role, |member| member.role) }))
}
