use parlance_proto::channel::ListMembersRequest;

use super::super::blocks;
use super::super::convert::{Author, Time};
use super::super::prelude::*;
use super::super::schema::{Url, UserId};

/// Most members whose presence is shown.
const SHOWN: u32 = 1000;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    online: Vec<Member>,
    offline: Vec<Member>,
    total_online: usize,
    total_members: i32,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MemberPresence)]
#[serde(rename_all = "camelCase")]
struct Member {
    id: String,
    name: String,
    #[schema(value_type = Option<Url>)]
    image: Option<String>,
    online: bool,
    last_seen: Option<Time>,
    #[schema(value_type = UserId)]
    user_id: String,
    user: Author,
}

/// `GET /api/channels/{id}/presence`: which members are online. Those of whom one has blocked the
/// other look like somebody never seen.
#[utoipa::path(get, path = "/api/channels/{id}/presence", responses((status = 200, body = Reply)))]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
) -> Answer<Reply> {
    let request = ListMembersRequest { channel_num, limit: SHOWN, offset: 0 };
    let listed = edge.channel().list_members(user.context.request(request)).await?.into_inner();
    let nums: Vec<i64> = listed.members.iter().map(|member| member.user_num).collect();
    let blocked = blocks::among(&edge, &user, &nums).await?;
    let people = compose::people(&edge, user.app, nums.iter().copied()).await?.active_but(blocked.clone());
    let states = compose::asked_presence(&edge, &user.context, nums.clone()).await?;
    let (online, offline): (Vec<Member>, Vec<Member>) = nums
        .into_iter()
        .filter(|&num| people.live(num).is_some())
        .map(|num| {
            let author = people.author(num);
            let state = states.get(&num).copied().filter(|_| !blocked.contains(&num)).unwrap_or_default();
            Member {
                id: author.id.clone(),
                name: author.name.clone(),
                image: author.image.clone(),
                online: state.online,
                last_seen: state.last_seen.max(author.last_active_at.flatten()),
                user_id: author.id.clone(),
                user: author,
            }
        })
        .partition(|member| member.online);
    Ok(Json(Reply { total_online: online.len(), online, offline, total_members: listed.member_count }))
}
