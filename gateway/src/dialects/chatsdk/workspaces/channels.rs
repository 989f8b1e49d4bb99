use super::super::channels::list::{Reply, listed};
use super::super::prelude::*;
use super::WorkspacePath;

/// `GET /api/workspaces/{wid}/channels?limit&offset&type`: as `GET /api/channels`, of this workspace alone; 403 for
/// those who are no members.
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    WorkspacePath(num): WorkspacePath,
    query: Query,
) -> Answer<Reply> {
    listed(&edge, &user, &query, num).await
}
