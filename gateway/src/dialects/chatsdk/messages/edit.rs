use parlance_proto::message::EditMessageRequest;

use super::super::prelude::*;
use super::super::schema::GivenText;

#[derive(Deserialize, ToSchema)]
pub struct Body {
    #[schema(value_type = GivenText)]
    text: Option<String>,
}

/// `PATCH /api/channels/{id}/messages/{mid}`: the author writes another text.
#[utoipa::path(
    patch,
    path = "/api/channels/{id}/messages/{mid}",
    request_body = Body,
    responses((status = 200, body = convert::Message))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    path: MessagePath,
    Input(body): Input<Body>,
) -> Answer<convert::Message> {
    let text = body.text.ok_or_else(|| Failure::invalid("text", "is required"))?;
    let request = EditMessageRequest { channel_num: path.channel, message: Some(path.message), text };
    let edited =
        edge.message().edit_message(user.context.routed(request.channel_num, request)).await?.into_inner();
    Ok(Json(compose::own_message(&edge, &user, edited.message).await?))
}
