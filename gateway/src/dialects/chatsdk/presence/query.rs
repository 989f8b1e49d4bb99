use std::collections::{BTreeMap, HashSet};

use parlance_proto::auth::GetUsersRequest;
use parlance_proto::channel::ListCompanionsRequest;

use super::super::convert::{Card, Time};
use super::super::prelude::*;
use super::super::request::count_between;
use super::super::schema::UserId;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[serde(default)]
    #[schema(value_type = Vec<UserId>, required, min_items = 1, max_items = 100)]
    user_ids: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Reply {
    presence: BTreeMap<String, Seen>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Seen {
    online: bool,
    last_seen: Option<Time>,
    user: Card,
}

/// `POST /api/presence/query`: who of these is online; only those with whom the caller shares a channel.
#[utoipa::path(
    post,
    path = "/api/presence/query",
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, user: User, Input(body): Input<Body>) -> Answer<Reply> {
    count_between("userIds", body.user_ids.len(), 1, 100)?;
    let service = user.context.as_service();
    let request = GetUsersRequest { nums: Vec::new(), ids: body.user_ids };
    let asked = edge.auth().get_users(service.request(request)).await?.into_inner().users;
    if asked.is_empty() {
        return Ok(Json(Reply { presence: BTreeMap::new() }));
    }
    let among_nums = asked.iter().map(|one| one.num).collect();
    let request = ListCompanionsRequest { user_num: user.num, max_members: i32::MAX as u32, among_nums };
    let companions = edge.channel().list_companions(service.request(request)).await?.into_inner();
    let companions: HashSet<i64> = companions.user_nums.into_iter().chain([user.num]).collect();

    let shown: Vec<_> = asked.into_iter().filter(|one| companions.contains(&one.num)).collect();
    let states =
        compose::asked_presence(&edge, &user.context, shown.iter().map(|one| one.num).collect()).await?;
    let people = compose::people(&edge, user.app, shown.iter().map(|one| one.num)).await?;
    let presence = shown.into_iter().map(|one| {
        let state = states.get(&one.num).copied().unwrap_or_default();
        let last_seen = state.last_seen.max(convert::time(&one.last_active_at));
        (one.id, Seen { online: state.online, last_seen, user: people.card(one.num) })
    });
    Ok(Json(Reply { presence: presence.collect() }))
}
