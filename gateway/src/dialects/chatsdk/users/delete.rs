use super::super::auth::Server;
use super::super::prelude::*;
use super::super::request::UserPath;
use super::super::schema::UserId;
use super::delete_many;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    success: bool,
    #[schema(value_type = UserId)]
    deleted_user_id: String,
}

/// `DELETE /api/users/{userId}`: erases a user; his messages stay, without his name.
#[utoipa::path(
    delete,
    path = "/api/users/{userId}",
    security(("apiKey" = [])),
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, server: Server, UserPath(id): UserPath) -> Answer<Reply> {
    let deleted = delete_many(&edge, &server.context, vec![id]).await?;
    let deleted_user_id = deleted.into_iter().next().ok_or_else(|| Failure::not_found("user"))?;
    Ok(Json(Reply { success: true, deleted_user_id }))
}
