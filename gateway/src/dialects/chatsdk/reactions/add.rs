use parlance_proto::message::AddReactionRequest;

use super::super::prelude::*;
use super::super::request::required;
use super::super::schema::Emoji;

#[derive(Deserialize, ToSchema)]
pub struct Body {
    #[schema(value_type = Emoji)]
    emoji: Option<String>,
}

/// `POST /api/channels/{id}/messages/{mid}/reactions`: the caller reacts; repeating changes nothing.
#[utoipa::path(
    post,
    path = "/api/channels/{id}/messages/{mid}/reactions",
    request_body = Body,
    responses((status = 200, body = Success))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    path: MessagePath,
    Input(body): Input<Body>,
) -> Answer<Success> {
    let r#type = required("emoji", body.emoji)?;
    let request = AddReactionRequest { channel_num: path.channel, message: Some(path.message), r#type };
    edge.message().add_reaction(user.context.routed(request.channel_num, request)).await?;
    success()
}
