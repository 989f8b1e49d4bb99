use parlance_proto::channel::ListMembersRequest;

use super::super::prelude::*;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    members: Vec<convert::Member>,
    member_count: i32,
}

/// `GET /api/channels/{id}/members?limit&offset`: the members: owner first, then by rank and time of joining.
#[utoipa::path(
    get,
    path = "/api/channels/{id}/members",
    params(
        ("limit" = Option<i64>, Query, description = "How many, 1000 if absent; brought into 1 to 1000."),
        ("offset" = Option<i64>, Query, description = "How many to leave out first.")
    ),
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
    query: Query,
) -> Answer<Reply> {
    let request =
        ListMembersRequest { channel_num, limit: query.limit(1000, 1000)?, offset: query.offset()? };
    let listed = edge.channel().list_members(user.context.request(request)).await?.into_inner();
    let nums: Vec<i64> = listed.members.iter().map(|member| member.user_num).collect();
    let people = compose::people_seen(&edge, &user, &nums).await?;
    let viewer = Some(user.num);
    let members = listed.members.iter().map(|member| convert::member(member, &people, viewer)).collect();
    Ok(Json(Reply { members, member_count: listed.member_count }))
}
