use super::super::auth::Server;
use super::super::prelude::*;
use super::super::request::count_between;
use super::delete_many;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[serde(default)]
    user_ids: Vec<String>,
}

#[derive(Serialize)]
pub struct Reply {
    success: bool,
    count: usize,
    deleted: Vec<String>,
}

/// `POST /api/users/bulk-delete`: erases up to 100 users; unknown ids are skipped.
pub async fn handle(State(edge): State<Edge>, server: Server, Input(body): Input<Body>) -> Answer<Reply> {
    count_between("userIds", body.user_ids.len(), 1, 100)?;
    let deleted = delete_many(&edge, &server.context, body.user_ids).await?;
    Ok(Json(Reply { success: true, count: deleted.len(), deleted }))
}
