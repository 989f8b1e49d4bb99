use parlance_proto::channel::RemoveMemberRequest;

use super::super::prelude::*;
use super::super::request::UserPath;

/// `DELETE /api/channels/{id}/members/{userId|me}`: removes a member, or leaves.
#[utoipa::path(
    delete,
    path = "/api/channels/{id}/members/{userId}",
    responses((status = 200, body = Success))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
    UserPath(member): UserPath,
) -> Answer<Success> {
    let user_num = compose::num_of(&edge, &user, member).await?;
    let request = RemoveMemberRequest { channel_num, user_num };
    let gone = edge.channel().remove_member(user.context.request(request)).await?.into_inner();
    compose::settle(&edge, &user.context, gone.log_position).await;
    success()
}
