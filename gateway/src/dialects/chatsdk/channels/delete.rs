use parlance_proto::channel::DeleteChannelRequest;

use super::super::prelude::*;

/// `DELETE /api/channels/{id}`: deletes a channel; the owner only.
#[utoipa::path(delete, path = "/api/channels/{id}", responses((status = 200, body = Success)))]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
) -> Answer<Success> {
    let request = user.context.request(DeleteChannelRequest { channel_num });
    let gone = edge.channel().delete_channel(request).await?.into_inner();
    compose::settle(&edge, &user.context, gone.log_position).await;
    success()
}
