use super::super::auth::Server;
use super::super::prelude::*;
use super::super::request::count_between;
use super::super::schema::UserId;
use super::delete_many;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[serde(default)]
    #[schema(value_type = Vec<UserId>, required, min_items = 1, max_items = 100)]
    user_ids: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Reply {
    success: bool,
    count: usize,
    #[schema(value_type = Vec<UserId>)]
    deleted: Vec<String>,
}

/// `POST /api/users/bulk-delete`: erases up to 100 users; unknown ids are skipped.
#[utoipa::path(
    post,
    path = "/api/users/bulk-delete",
    security(("apiKey" = [])),
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, server: Server, Input(body): Input<Body>) -> Answer<Reply> {
    count_between("userIds", body.user_ids.len(), 1, 100)?;
    let deleted = delete_many(&edge, &server.context, body.user_ids).await?;
    Ok(Json(Reply { success: true, count: deleted.len(), deleted }))
}
