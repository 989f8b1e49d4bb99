use parlance_proto::message::GetUnreadRequest;

use super::super::prelude::*;

#[derive(Serialize, ToSchema)]
pub struct Reply {
    count: u64,
}

/// `GET /api/channels/unread-count`: how much is unread, the sum over the caller's channels.
#[utoipa::path(get, path = "/api/channels/unread-count", responses((status = 200, body = Reply)))]
pub async fn handle(State(edge): State<Edge>, user: User) -> Answer<Reply> {
    let request = GetUnreadRequest { user_nums: Vec::new() };
    let unread = edge.message().get_unread(user.context.request(request)).await?.into_inner();
    let with_muted = edge.settings().chatsdk.muted_count_in_total;
    let channels = unread.users.iter().filter(|one| one.user_num == user.num).flat_map(|one| &one.channels);
    let count = channels.filter(|channel| with_muted || !channel.muted).map(|channel| channel.unread).sum();
    Ok(Json(Reply { count }))
}
