use parlance_core::Reason;
use parlance_proto::{channel, message::QueryReadersRequest};

use super::super::prelude::*;
use super::{Reader, nums, reader};

/// Most readers that are listed by name.
const LISTED: u32 = 1000;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    read_by: Vec<Reader>,
    read_count: u32,
    total_members: i32,
}

/// `GET /api/channels/{id}/receipts/messages/{mid}/receipts`: who has read a message, its author left out.
#[utoipa::path(
    get,
    path = "/api/channels/{id}/receipts/messages/{mid}/receipts",
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, user: User, path: MessagePath) -> Answer<Reply> {
    let channel_num = path.channel;
    let request = QueryReadersRequest { channel_num, messages: vec![path.message], limit: LISTED };
    let reply =
        edge.message().query_readers(user.context.routed(request.channel_num, request)).await?.into_inner();
    let readers = reply
        .results
        .into_iter()
        .next()
        .filter(|readers| readers.found)
        .ok_or_else(|| Failure::not_found("message"))?;
    let people = compose::people(&edge, user.app, nums(&readers.readers)).await?;
    Ok(Json(Reply {
        read_by: readers.readers.iter().map(|one| reader(one, &people)).collect(),
        read_count: readers.count,
        total_members: member_count(&edge, &user, channel_num).await?,
    }))
}

async fn member_count(edge: &Edge, user: &User, num: i64) -> Result<i32, Failure> {
    let request = channel::GetChannelsRequest { nums: vec![num], ..Default::default() };
    let found = edge.channel().get_channels(user.context.as_service().request(request)).await?.into_inner();
    match found.channels.first() {
        Some(channel) => Ok(channel.member_count),
        None => Err(parlance_core::Error::new(Reason::ChannelNotFound, "channel not found").into()),
    }
}
