use parlance_proto::channel::UpdateWorkspaceMemberRequest;

use super::super::super::prelude::*;
use super::super::super::request::{UserPath, required};
use super::super::WorkspacePath;

#[derive(Deserialize)]
pub struct Body {
    role: Option<String>,
}

#[derive(Serialize)]
pub struct Reply {
    success: bool,
    role: String,
}

/// `PATCH /api/workspaces/{wid}/members/{userId|me}`: gives a member another role.
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
