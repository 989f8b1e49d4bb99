use parlance_proto::channel::UpdateMemberRequest;

use super::super::prelude::*;
use super::super::request::{UserPath, required};
use super::super::schema::Role;

#[derive(Deserialize, ToSchema)]
pub struct Body {
    #[schema(value_type = Role)]
    role: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Reply {
    success: bool,
    #[schema(value_type = Role)]
    role: String,
}

/// `PATCH /api/channels/{id}/members/{userId|me}`: gives a member another role.
#[utoipa::path(
    patch,
    path = "/api/channels/{id}/members/{userId}",
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
    UserPath(member): UserPath,
    Input(body): Input<Body>,
) -> Answer<Reply> {
    let role = required("role", body.role)?;
    let user_num = compose::num_of(&edge, &user, member).await?;
    let request = UpdateMemberRequest { channel_num, user_num, role: role.clone() };
    let changed = edge.channel().update_member(user.context.request(request)).await?.into_inner();
    compose::settle(&edge, &user.context, changed.log_position).await;
    Ok(Json(Reply { success: true, role: changed.member.map_or(role, |member| member.role) }))
}
