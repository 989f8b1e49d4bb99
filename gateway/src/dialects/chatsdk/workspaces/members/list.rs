use parlance_proto::channel::ListWorkspaceMembersRequest;

use super::super::super::prelude::*;
use super::super::WorkspacePath;
use super::super::shape::{self, Member};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    members: Vec<Member>,
    member_count: i32,
}

/// `GET /api/workspaces/{wid}/members?limit&offset`: the members: owners first, then by role and time
/// of joining.
#[utoipa::path(
    get,
    path = "/api/workspaces/{wid}/members",
    params(
        ("limit" = Option<i64>, Query, description = "How many, 1000 if absent; brought into 1 to 1000."),
        ("offset" = Option<i64>, Query, description = "How many to leave out first.")
    ),
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    WorkspacePath(workspace_num): WorkspacePath,
    query: Query,
) -> Answer<Reply> {
    let (limit, offset) = (query.limit(1000, 1000)?, query.offset()?);
    let request = ListWorkspaceMembersRequest { workspace_num, limit, offset };
    let listed = edge.channel().list_workspace_members(user.context.request(request)).await?.into_inner();
    let people = compose::people(&edge, user.app, listed.members.iter().map(|one| one.user_num)).await?;
    let members = listed.members.iter().map(|one| shape::member(one, &people)).collect();
    Ok(Json(Reply { members, member_count: listed.member_count }))
}
