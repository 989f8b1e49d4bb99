use parlance_proto::channel::ListBlockedRequest;

use super::super::convert::Time;
use super::super::prelude::*;
use super::super::schema::{Url, UserId};

#[derive(Serialize, ToSchema)]
pub struct Reply {
    blocked: Vec<Blocked>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Blocked {
    #[schema(value_type = UserId)]
    id: String,
    #[schema(value_type = UserId)]
    user_id: String,
    name: String,
    #[schema(value_type = Option<Url>)]
    image: Option<String>,
    blocked_at: Option<Time>,
}

/// `GET /api/users/me/blocked?limit&offset`: whom the caller has blocked, newest block first.
#[utoipa::path(
    get,
    path = "/api/users/me/blocked",
    params(
        ("limit" = Option<i64>, Query, description = "How many, 100 if absent; brought into 1 to 1000."),
        ("offset" = Option<i64>, Query, description = "How many to leave out first.")
    ),
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, user: User, query: Query) -> Answer<Reply> {
    let request = ListBlockedRequest { limit: query.limit(100, 1000)?, offset: query.offset()? };
    let found = edge.channel().list_blocked(user.context.request(request)).await?.into_inner().blocks;
    let people = compose::people(&edge, user.app, found.iter().map(|block| block.user_num)).await?;
    let blocked = found.iter().filter(|block| people.live(block.user_num).is_some()).map(|block| {
        let card = people.card(block.user_num);
        Blocked {
            id: card.id.clone(),
            user_id: card.id,
            name: card.name,
            image: card.image,
            blocked_at: convert::time(&block.created_at),
        }
    });
    Ok(Json(Reply { blocked: blocked.collect() }))
}
