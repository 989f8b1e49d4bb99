use super::super::blocks;
use super::super::prelude::*;
use super::super::request::UserPath;

/// `GET /api/users/{userId}`: one user; e-mail and custom data only of oneself.
#[utoipa::path(get, path = "/api/users/{userId}", responses((status = 200, body = convert::User)))]
pub async fn handle(State(edge): State<Edge>, user: User, UserPath(id): UserPath) -> Answer<convert::User> {
    let found = compose::users_of(&edge, &user.context, vec![id]).await?;
    let seen = blocks::users_seen(&edge, &user, found).await.into_iter().next();
    seen.map(Json).ok_or_else(|| Failure::not_found("user"))
}
