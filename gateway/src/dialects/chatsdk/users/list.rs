use parlance_proto::auth::ListUsersRequest;

use super::super::blocks;
use super::super::prelude::*;

#[derive(Serialize, ToSchema)]
pub struct Reply {
    users: Vec<convert::User>,
}

/// `GET /api/users?limit&offset&q`: the app's users by name.
#[utoipa::path(
    get,
    path = "/api/users",
    params(
        ("limit" = Option<i64>, Query, description = "How many, 50 if absent; brought into 1 to 100."),
        ("offset" = Option<i64>, Query, description = "How many to leave out first."),
        ("q" = Option<String>, Query, description = "A part of the name; upper and lower case are the same.")
    ),
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, user: User, query: Query) -> Answer<Reply> {
    let request = ListUsersRequest {
        name_contains: query.text("q").unwrap_or_default().to_owned(),
        limit: query.limit(50, 100)?,
        offset: query.offset()?,
    };
    let found = edge.auth().list_users(user.context.request(request)).await?.into_inner().users;
    Ok(Json(Reply { users: blocks::users_seen(&edge, &user, found).await }))
}
