use parlance_proto::channel::AcceptInviteRequest;

use super::super::prelude::*;
use super::TokenPath;
use super::shape::{self, Card};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    success: bool,
    workspace: Option<Card>,
    #[serde(skip_serializing_if = "Option::is_none")]
    already_member: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// `GET /api/workspaces/invites/{token}` and `POST /api/workspaces/invites/{token}/accept`: makes the caller a
/// member. 404 unknown; 400 expired or used up; 403 for another address, or if the workspace is over.
pub async fn handle(State(edge): State<Edge>, user: User, TokenPath(token): TokenPath) -> Answer<Reply> {
    let request = user.context.request(AcceptInviteRequest { token });
    let accepted = edge.channel().accept_invite(request).await?.into_inner();
    compose::settle(&edge, &user.context, accepted.log_position).await;
    Ok(Json(Reply {
        success: true,
        workspace: accepted.workspace.as_ref().map(shape::card),
        already_member: (!accepted.joined).then_some(true),
        message: (!accepted.joined).then_some("you are a member of this workspace already"),
    }))
}
