use parlance_proto::channel::AddWorkspaceMembersRequest;

use super::super::super::prelude::*;
use super::super::super::request::count_between;
use super::super::super::schema::{UserId, WorkspaceRole};
use super::super::WorkspacePath;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[schema(value_type = Option<UserId>)]
    user_id: Option<String>,
    #[schema(value_type = Option<Vec<UserId>>, max_items = 100)]
    user_ids: Option<Vec<String>>,
    /// `member` if absent.
    #[schema(value_type = Option<WorkspaceRole>)]
    role: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Reply {
    success: bool,
    #[schema(value_type = Vec<UserId>)]
    added: Vec<String>,
    count: usize,
}

/// `POST /api/workspaces/{wid}/members`: adds users; those who are members are left out of `added`. Owner
/// or admin, and only owners make owners.
#[utoipa::path(
    post,
    path = "/api/workspaces/{wid}/members",
    request_body = Body,
    responses((status = 200, body = Reply), (status = 403))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    WorkspacePath(workspace_num): WorkspacePath,
    Input(body): Input<Body>,
) -> Answer<Reply> {
    let ids: Vec<String> = body.user_ids.into_iter().flatten().chain(body.user_id).collect();
    count_between("userIds", ids.len(), 1, 100)?;
    let users = compose::users_of(&edge, &user.context, ids).await?;
    let request = AddWorkspaceMembersRequest {
        workspace_num,
        user_nums: users.iter().map(|user| user.num).collect(),
        role: body.role.unwrap_or_default(),
    };
    let done = edge.channel().add_workspace_members(user.context.request(request)).await?.into_inner();
    compose::settle(&edge, &user.context, done.log_position).await;
    let added: Vec<String> =
        users.into_iter().filter(|user| done.added_nums.contains(&user.num)).map(|user| user.id).collect();
    Ok(Json(Reply { success: true, count: added.len(), added }))
}
