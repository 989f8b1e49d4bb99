use parlance_proto::message::DeleteMessageRequest;

use super::super::prelude::*;

/// `DELETE /api/channels/{id}/messages/{mid}`: deletes a message; the author, within the window of the settings.
#[utoipa::path(
    delete,
    path = "/api/channels/{id}/messages/{mid}",
    responses((status = 200, body = Success))
)]
pub async fn handle(State(edge): State<Edge>, user: User, path: MessagePath) -> Answer<Success> {
    let window_s = edge.settings().chatsdk.delete_window_s;
    let request = DeleteMessageRequest { channel_num: path.channel, message: Some(path.message), window_s };
    edge.message().delete_message(user.context.routed(request.channel_num, request)).await?;
    success()
}
