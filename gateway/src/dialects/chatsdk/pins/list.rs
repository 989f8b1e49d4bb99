use parlance_proto::message::ListPinsRequest;

use super::super::prelude::*;

#[derive(Serialize, ToSchema)]
pub struct Reply {
    messages: Vec<convert::Message>,
}

/// `GET /api/channels/{id}/pins`: pinned messages, the newest pin first.
#[utoipa::path(get, path = "/api/channels/{id}/pins", responses((status = 200, body = Reply)))]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
) -> Answer<Reply> {
    let request = user.context.request(ListPinsRequest { channel_num });
    let pins = edge.message().list_pins(request).await?.into_inner();
    Ok(Json(Reply { messages: compose::messages(&edge, &user, &pins.messages).await? }))
}
