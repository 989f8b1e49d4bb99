use parlance_proto::message::MarkReadRequest;

use super::super::prelude::*;
use super::super::request::{any_message_ref, required};
use super::super::schema::Id;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[schema(value_type = Id)]
    message_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    success: bool,
    #[schema(value_type = Option<Id>)]
    last_read_message_id: Option<String>,
}

/// `POST /api/channels/{id}/receipts`: the caller has read up to a message.
#[utoipa::path(
    post,
    path = "/api/channels/{id}/receipts",
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
    Input(body): Input<Body>,
) -> Answer<Reply> {
    let up_to = Some(any_message_ref(&required("messageId", body.message_id)?));
    let request = MarkReadRequest { channel_num, up_to, receipt: true };
    let moved =
        edge.message().mark_read(user.context.routed(request.channel_num, request)).await?.into_inner();
    let last = Some(moved.last_read_message_id).filter(|id| !id.is_empty());
    Ok(Json(Reply { success: true, last_read_message_id: last }))
}
