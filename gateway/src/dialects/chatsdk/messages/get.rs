use parlance_proto::message::{GetMessagesRequest, Message};

use super::super::prelude::*;
use super::super::request::LoneMessagePath;

/// `GET /api/channels/{id}/messages/{mid}`: one message, a tombstone if it is deleted.
pub async fn handle(State(edge): State<Edge>, user: User, path: MessagePath) -> Answer<convert::Message> {
    let request = GetMessagesRequest { messages: vec![path.message], channel_num: path.channel };
    let Some(message) = find(&edge, &user, request).await? else {
        // Unreadable and unknown look alike here; the channel tells which.
        compose::readable_channel(&edge, &user, path.channel).await?;
        return Err(Failure::not_found("message"));
    };
    Ok(Json(compose::message(&edge, &user, Some(message)).await?))
}

/// `GET /api/messages/{mid}`: the same, wherever the message is.
pub async fn handle_lone(
    State(edge): State<Edge>,
    user: User,
    LoneMessagePath(message): LoneMessagePath,
) -> Answer<convert::Message> {
    let request = GetMessagesRequest { messages: vec![message], channel_num: 0 };
    let message = find(&edge, &user, request).await?.ok_or_else(|| Failure::not_found("message"))?;
    Ok(Json(compose::message(&edge, &user, Some(message)).await?))
}

async fn find(edge: &Edge, user: &User, request: GetMessagesRequest) -> Result<Option<Message>, Failure> {
    let reply =
        edge.message().get_messages(user.context.routed(request.channel_num, request)).await?.into_inner();
    Ok(reply.messages.into_iter().next())
}
