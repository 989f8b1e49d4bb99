use parlance_proto::channel::UpdateMemberSettingsRequest;

use super::super::prelude::*;

#[derive(Deserialize, ToSchema)]
pub struct Body {
    starred: Option<bool>,
    muted: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub struct Reply {
    success: bool,
    starred: bool,
    muted: bool,
}

/// `PATCH /api/channels/{id}/settings`: the caller's own switches; also `PATCH …/star`, `PATCH …/mute`.
#[utoipa::path(
    patch,
    path = "/api/channels/{id}/settings",
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
    Input(body): Input<Body>,
) -> Answer<Reply> {
    let request = UpdateMemberSettingsRequest { channel_num, muted: body.muted, starred: body.starred };
    let changed = edge.channel().update_member_settings(user.context.request(request)).await?.into_inner();
    compose::settle(&edge, &user.context, changed.log_position).await;
    let (starred, muted) = changed.member.map_or((false, false), |member| (member.starred, member.muted));
    Ok(Json(Reply { success: true, starred, muted }))
}
