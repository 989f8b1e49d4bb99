use parlance_proto::message::MarkReadRequest;

use super::super::prelude::*;
use super::super::request::{any_message_ref, required};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    message_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    success: bool,
    last_read_message_id: Option<String>,
}

/// `POST /api/channels/{id}/receipts`: the caller has read up to a message.
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
