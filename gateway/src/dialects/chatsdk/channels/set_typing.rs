use parlance_proto::presence::SetTypingRequest;

use super::super::prelude::*;

#[derive(Deserialize, ToSchema)]
pub struct Body {
    typing: Option<bool>,
}

/// `POST /api/channels/{id}/typing`: the caller types, or has stopped.
#[utoipa::path(
    post,
    path = "/api/channels/{id}/typing",
    request_body = Body,
    responses((status = 200, body = Success))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
    Input(body): Input<Body>,
) -> Answer<Success> {
    let request = SetTypingRequest { channel_num, typing: body.typing.unwrap_or(true) };
    edge.presence().set_typing(user.context.request(request)).await?;
    success()
}
