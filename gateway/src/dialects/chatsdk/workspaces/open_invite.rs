use super::super::prelude::*;
use super::TokenPath;
use super::accept::{self, Reply};

/// `GET /api/workspaces/invites/{token}`: accepts the invite too, for clients that only follow its link.
#[utoipa::path(
    get,
    path = "/api/workspaces/invites/{token}",
    responses((status = 200, body = Reply), (status = 400), (status = 403))
)]
pub async fn handle(edge: State<Edge>, user: User, token: TokenPath) -> Answer<Reply> {
    accept::handle(edge, user, token).await
}
