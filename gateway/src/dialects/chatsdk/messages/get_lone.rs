use parlance_proto::message::GetMessagesRequest;

use super::super::prelude::*;
use super::super::request::LoneMessagePath;
use super::get::find;

/// `GET /api/messages/{mid}`: one message, wherever it is.
#[utoipa::path(get, path = "/api/messages/{mid}", responses((status = 200, body = convert::Message)))]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    LoneMessagePath(message): LoneMessagePath,
) -> Answer<convert::Message> {
    let request = GetMessagesRequest { messages: vec![message], channel_num: 0 };
    let message = find(&edge, &user, request).await?.ok_or_else(|| Failure::not_found("message"))?;
    Ok(Json(compose::message(&edge, &user, Some(message)).await?))
}
