use parlance_proto::message::MarkReadRequest;

use super::super::prelude::*;
use super::super::request::any_message_ref;
use super::super::schema::Id;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[schema(value_type = Option<Id>)]
    message_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    success: bool,
    last_read_seq: u64,
}

/// `POST /api/channels/{id}/read`: marks as read: up to a message (which is also a receipt), or
/// everything.
#[utoipa::path(
    post,
    path = "/api/channels/{id}/read",
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
    Input(body): Input<Body>,
) -> Answer<Reply> {
    let up_to = body.message_id.as_deref().map(any_message_ref);
    let request = MarkReadRequest { channel_num, receipt: up_to.is_some(), up_to };
    let moved =
        edge.message().mark_read(user.context.routed(request.channel_num, request)).await?.into_inner();
    Ok(Json(Reply { success: true, last_read_seq: moved.last_read_seq }))
}
