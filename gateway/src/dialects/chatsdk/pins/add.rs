use parlance_proto::message::PinMessageRequest;

use super::super::prelude::*;

/// `POST /api/channels/{id}/messages/{mid}/pin`: pins a message; repeating changes nothing.
#[utoipa::path(
    post,
    path = "/api/channels/{id}/messages/{mid}/pin",
    responses((status = 200, body = Success), (status = 400))
)]
pub async fn handle(State(edge): State<Edge>, user: User, path: MessagePath) -> Answer<Success> {
    let request = PinMessageRequest { channel_num: path.channel, message: Some(path.message) };
    edge.message().pin_message(user.context.routed(request.channel_num, request)).await?;
    success()
}
