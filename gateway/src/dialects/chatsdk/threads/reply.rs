use http::StatusCode;
use parlance_proto::message::MessageDraft;

use super::super::auth::Sender;
use super::super::messages::{Draft, send};
use super::super::prelude::*;
use super::super::request::IdempotencyKey;

/// `POST /api/channels/{id}/messages/{mid}/thread`: a reply that is announced in the thread alone.
#[utoipa::path(
    post,
    path = "/api/channels/{id}/messages/{mid}/thread",
    params(IdempotencyKey),
    request_body = Draft,
    responses(
        (status = 201, body = convert::Message),
        (
            status = 200, body = convert::Message,
            description = "It was sent before: the first message, with `duplicate`."
        )
    )
)]
pub async fn handle(
    State(edge): State<Edge>,
    Sender(user): Sender,
    path: MessagePath,
    IdempotencyKey(key): IdempotencyKey,
    Input(body): Input<Draft>,
) -> Result<(StatusCode, Json<convert::Message>), Failure> {
    let client_message_id = body.client_message_id();
    let draft = MessageDraft { parent: Some(path.message), thread_only: true, ..body.into_proto()? };
    send::send(&edge, &user, path.channel, client_message_id, key, draft).await
}
