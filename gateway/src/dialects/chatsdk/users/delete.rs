use super::super::auth::Server;
use super::super::prelude::*;
use super::super::request::UserPath;
use super::delete_many;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    success: bool,
    deleted_user_id: String,
}

/// `DELETE /api/users/{userId}`: erases a user; his messages stay, without his name.
pub async fn handle(State(edge): State<Edge>, server: Server, UserPath(id): UserPath) -> Answer<Reply> {
    let deleted = delete_many(&edge, &server.context, vec![id]).await?;
    let deleted_user_id = deleted.into_iter().next().ok_or_else(|| Failure::not_found("user"))?;
    Ok(Json(Reply { success: true, deleted_user_id }))
}
