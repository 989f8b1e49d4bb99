use parlance_proto::message::MarkReadRequest;

use super::super::prelude::*;
use super::super::request::any_message_ref;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    message_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    success: bool,
    last_read_seq: u64,
}

/// `POST /api/channels/{id}/read`: up to a message (which is also a receipt), or everything.
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
