use parlance_core::Error;
use parlance_proto::channel::AcceptInviteRequest;

use super::super::prelude::*;
use super::TokenPath;
use super::shape::{self, Card};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    success: bool,
    workspace: Card,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    already_member: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    message: Option<&'static str>,
}

/// `POST /api/workspaces/invites/{token}/accept`: makes the caller a member; one who is so already uses up
/// nothing. 404 unknown; 400 expired or used up; 403 for another address, or if the workspace is over.
#[utoipa::path(
    post,
    path = "/api/workspaces/invites/{token}/accept",
    responses((status = 200, body = Reply), (status = 400), (status = 403))
)]
pub async fn handle(State(edge): State<Edge>, user: User, TokenPath(token): TokenPath) -> Answer<Reply> {
    let request = user.context.request(AcceptInviteRequest { token });
    let accepted = edge.channel().accept_invite(request).await?.into_inner();
    compose::settle(&edge, &user.context, accepted.log_position).await;
    let workspace = accepted.workspace.ok_or_else(|| Error::internal("a reply lacks its workspace"))?;
    Ok(Json(Reply {
        success: true,
        workspace: shape::card(&workspace),
        already_member: (!accepted.joined).then_some(true),
        message: (!accepted.joined).then_some("you are a member of this workspace already"),
    }))
}
