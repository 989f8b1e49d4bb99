use super::super::prelude::*;
use super::in_full;

/// `GET /api/users/me`: the caller, in full.
#[utoipa::path(
    get,
    path = "/api/users/me",
    responses((status = 200, body = convert::User), (status = 404))
)]
pub async fn handle(State(edge): State<Edge>, user: User) -> Answer<convert::User> {
    let found = compose::users_of(&edge, &user.context, vec![user.id.clone()]).await?;
    let found = found.first().ok_or_else(|| Failure::not_found("user"))?;
    Ok(Json(in_full(&edge, &user, found).await))
}
