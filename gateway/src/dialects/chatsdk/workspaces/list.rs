use parlance_proto::channel::ListWorkspacesRequest;

use super::super::prelude::*;
use super::shape::{self, Workspace};

#[derive(Serialize, ToSchema)]
pub struct Reply {
    workspaces: Vec<Workspace>,
}

/// `GET /api/workspaces?limit&offset`: the caller's workspaces, the one that he has belonged to longest first.
#[utoipa::path(
    get,
    path = "/api/workspaces",
    params(
        ("limit" = Option<i64>, Query, description = "How many, 1000 if absent; brought into 1 to 1000."),
        ("offset" = Option<i64>, Query, description = "How many to leave out first.")
    ),
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, user: User, query: Query) -> Answer<Reply> {
    let request = ListWorkspacesRequest { limit: query.limit(1000, 1000)?, offset: query.offset()? };
    let found = edge.channel().list_workspaces(user.context.request(request)).await?.into_inner().workspaces;
    let people = compose::people(&edge, user.app, found.iter().map(|one| one.creator_num)).await?;
    Ok(Json(Reply { workspaces: found.iter().map(|one| shape::workspace(one, &people)).collect() }))
}
