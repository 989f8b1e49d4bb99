use std::collections::BTreeMap;

use parlance_proto::message::QueryReadersRequest;

use super::super::prelude::*;
use super::super::request::{any_message_ref, count_between};
use super::super::schema::Id;
use super::{Reader, nums, reader};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[serde(default)]
    #[schema(value_type = Vec<Id>, required, min_items = 1, max_items = 100)]
    message_ids: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Reply {
    /// By the ids as they were asked.
    receipts: BTreeMap<String, Receipts>,
}

#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Receipts {
    read_count: u32,
    readers: Vec<Reader>,
}

/// `POST /api/channels/{id}/receipts/query`: counts and up to ten readers of many messages; unknown
/// ones have none.
#[utoipa::path(
    post,
    path = "/api/channels/{id}/receipts/query",
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
    Input(body): Input<Body>,
) -> Answer<Reply> {
    count_between("messageIds", body.message_ids.len(), 1, 100)?;
    let messages = body.message_ids.iter().map(|id| any_message_ref(id)).collect();
    let request = QueryReadersRequest { channel_num, messages, limit: 10 };
    let reply =
        edge.message().query_readers(user.context.routed(request.channel_num, request)).await?.into_inner();
    let people =
        compose::people(&edge, user.app, reply.results.iter().flat_map(|r| nums(&r.readers))).await?;
    let receipts = body.message_ids.into_iter().zip(reply.results).map(|(id, found)| {
        let readers = found.readers.iter().map(|one| reader(one, &people)).collect();
        (id, Receipts { read_count: found.count, readers })
    });
    Ok(Json(Reply { receipts: receipts.collect() }))
}
