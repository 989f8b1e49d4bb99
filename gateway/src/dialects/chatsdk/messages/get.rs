use parlance_proto::message::{GetMessagesRequest, Message};

use super::super::prelude::*;

/// `GET /api/channels/{id}/messages/{mid}`: one message, a tombstone if it is deleted.
#[utoipa::path(
    get,
    path = "/api/channels/{id}/messages/{mid}",
    responses((status = 200, body = convert::Message))
)]
pub async fn handle(State(edge): State<Edge>, user: User, path: MessagePath) -> Answer<convert::Message> {
    let request = GetMessagesRequest { messages: vec![path.message], channel_num: path.channel };
    let Some(message) = find(&edge, &user, request).await? else {
        // Unreadable and unknown look alike here; the channel tells which.
        compose::readable_channel(&edge, &user, path.channel).await?;
        return Err(Failure::not_found("message"));
    };
    Ok(Json(compose::message(&edge, &user, Some(message)).await?))
}

/// The message, if the user may read it.
pub(super) async fn find(
    edge: &Edge,
    user: &User,
    request: GetMessagesRequest,
) -> Result<Option<Message>, Failure> {
    let reply =
        edge.message().get_messages(user.context.routed(request.channel_num, request)).await?.into_inner();
    Ok(reply.messages.into_iter().next())
}
