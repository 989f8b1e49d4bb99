use parlance_proto::channel::DeleteChannelRequest;

use super::super::prelude::*;

/// `DELETE /api/channels/{id}`: the owner only.
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
