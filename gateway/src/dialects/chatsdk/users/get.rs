use super::super::prelude::*;
use super::super::request::UserPath;

/// `GET /api/users/{userId}`: one user; e-mail and custom data only of oneself.
#[utoipa::path(get, path = "/api/users/{userId}", responses((status = 200, body = convert::User)))]
pub async fn handle(State(edge): State<Edge>, user: User, UserPath(id): UserPath) -> Answer<convert::User> {
    let found = compose::users_of(&edge, &user.context, vec![id]).await?;
    let found = found.first().ok_or_else(|| Failure::not_found("user"))?;
    let presence = compose::presence(&edge, &user.context, vec![found.num]).await;
    let details = edge.settings().chatsdk.expose_user_details || found.num == user.num;
    let state = presence.get(&found.num).copied().unwrap_or_default();
    Ok(Json(convert::user(found, state, details)))
}
