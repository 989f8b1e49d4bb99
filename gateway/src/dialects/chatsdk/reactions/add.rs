use parlance_proto::message::AddReactionRequest;

use super::super::prelude::*;
use super::super::request::required;

#[derive(Deserialize)]
pub struct Body {
    emoji: Option<String>,
}

/// `POST /api/channels/{id}/messages/{mid}/reactions`: the caller reacts; repeating changes nothing.
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
