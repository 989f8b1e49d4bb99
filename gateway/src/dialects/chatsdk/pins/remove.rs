use parlance_proto::message::UnpinMessageRequest;

use super::super::prelude::*;

/// `DELETE /api/channels/{id}/messages/{mid}/pin`: takes a pin away; repeating changes nothing.
#[utoipa::path(
    delete,
    path = "/api/channels/{id}/messages/{mid}/pin",
    responses((status = 200, body = Success))
)]
pub async fn handle(State(edge): State<Edge>, user: User, path: MessagePath) -> Answer<Success> {
    let request = UnpinMessageRequest { channel_num: path.channel, message: Some(path.message) };
    edge.message().unpin_message(user.context.routed(request.channel_num, request)).await?;
    success()
}
