use parlance_proto::message::RemoveReactionRequest;

use super::super::prelude::*;
use super::super::request::EmojiPath;

/// `DELETE /api/channels/{id}/messages/{mid}/reactions/{emoji}`: the caller takes a reaction back.
#[utoipa::path(
    delete,
    path = "/api/channels/{id}/messages/{mid}/reactions/{emoji}",
    responses((status = 200, body = Success), (status = 400))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    path: MessagePath,
    EmojiPath(r#type): EmojiPath,
) -> Answer<Success> {
    let request = RemoveReactionRequest { channel_num: path.channel, message: Some(path.message), r#type };
    edge.message().remove_reaction(user.context.routed(request.channel_num, request)).await?;
    success()
}
