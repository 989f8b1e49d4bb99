use super::super::channels::list::{Reply, listed};
use super::super::prelude::*;
use super::super::schema::ChannelType;
use super::WorkspacePath;

/// `GET /api/workspaces/{wid}/channels?limit&offset&type`: joined and discoverable channels of a workspace,
/// newest activity first; 403 for those who are no members.
#[utoipa::path(
    get,
    path = "/api/workspaces/{wid}/channels",
    params(
        ("limit" = Option<i64>, Query, description = "How many, 50 if absent; brought into 1 to 100."),
        ("offset" = Option<i64>, Query, description = "How many to leave out first."),
        ("type" = Option<ChannelType>, Query, description = "Only channels of this type.")
    ),
    responses((status = 200, body = Reply), (status = 403))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    WorkspacePath(num): WorkspacePath,
    query: Query,
) -> Answer<Reply> {
    listed(&edge, &user, &query, num).await
}
