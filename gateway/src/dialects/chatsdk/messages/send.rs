use http::StatusCode;
use parlance_proto::message::{MessageDraft, SendMessageRequest, send_message_request::OnRepeat};
use parlance_rpc::Context;

use super::super::auth::Sender;
use super::super::prelude::*;
use super::super::request::IdempotencyKey;
use super::Draft;

/// `POST /api/channels/{id}/messages`: sends a message: 201 with it; a repeat (same `clientMsgId`, or
/// same `Idempotency-Key` without one) is 200 with the first message and `duplicate: true`.
#[utoipa::path(
    post,
    path = "/api/channels/{id}/messages",
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
    ChannelPath(channel_num): ChannelPath,
    IdempotencyKey(key): IdempotencyKey,
    Input(body): Input<Draft>,
) -> Result<(StatusCode, Json<convert::Message>), Failure> {
    let client_message_id = body.client_message_id();
    send(&edge, &user, channel_num, client_message_id, key, body.into_proto()?).await
}

/// Sends a draft to a channel, joining it if it is open to everybody.
pub async fn send(
    edge: &Edge,
    user: &User,
    channel_num: i64,
    client_message_id: String,
    idempotency_key: String,
    draft: MessageDraft,
) -> Result<(StatusCode, Json<convert::Message>), Failure> {
    let request = SendMessageRequest {
        channel_num,
        draft: Some(draft),
        idempotency_key: if client_message_id.is_empty() { idempotency_key } else { String::new() },
        client_message_id,
        on_repeat: OnRepeat::Return.into(),
        join: true,
    };
    let keyed = !request.client_message_id.is_empty() || !request.idempotency_key.is_empty();
    let mut request = user.context.routed(request.channel_num, request);
    if keyed {
        request = Context::keyed(request);
    }
    let sent = edge.message().send_message(request).await?.into_inner();
    let mut message = compose::own_message(edge, user, sent.message).await?;
    if sent.repeated {
        message.duplicate = Some(true);
        return Ok((StatusCode::OK, Json(message)));
    }
    Ok((StatusCode::CREATED, Json(message)))
}
