use parlance_proto::message::ListReadPositionsRequest;

use super::super::convert::Card;
use super::super::prelude::*;
use super::super::schema::{Id, Url, UserId};

#[derive(Serialize, ToSchema)]
pub struct Reply {
    members: Vec<Position>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Position {
    #[schema(value_type = UserId)]
    user_id: String,
    name: String,
    #[schema(value_type = Option<Url>)]
    image: Option<String>,
    #[schema(value_type = Option<Id>)]
    last_read_message_id: Option<String>,
    last_read_seq: u64,
}

/// `GET /api/channels/{id}/receipts/read-status`: how far each member has read.
#[utoipa::path(
    get,
    path = "/api/channels/{id}/receipts/read-status",
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
) -> Answer<Reply> {
    let request = user.context.request(ListReadPositionsRequest { channel_num });
    let positions = edge.message().list_read_positions(request).await?.into_inner().positions;
    let people = compose::people(&edge, user.app, positions.iter().map(|position| position.user_num)).await?;
    let members = positions.into_iter().map(|position| {
        let Card { id, name, image } = people.card(position.user_num);
        Position {
            user_id: id,
            name,
            image,
            last_read_message_id: Some(position.last_read_message_id).filter(|id| !id.is_empty()),
            last_read_seq: position.last_read_seq,
        }
    });
    Ok(Json(Reply { members: members.collect() }))
}
