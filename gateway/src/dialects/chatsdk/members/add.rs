use parlance_proto::channel::AddMembersRequest;

use super::super::prelude::*;
use super::super::request::count_between;
use super::super::schema::{Role, UserId};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[schema(value_type = Option<UserId>)]
    user_id: Option<String>,
    #[schema(value_type = Option<Vec<UserId>>, max_items = 100)]
    user_ids: Option<Vec<String>>,
    #[schema(value_type = Option<Role>)]
    role: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    success: bool,
    added_count: usize,
}

/// `POST /api/channels/{id}/members`: adds users; oneself on a public channel joins it.
#[utoipa::path(
    post,
    path = "/api/channels/{id}/members",
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel_num): ChannelPath,
    Input(body): Input<Body>,
) -> Answer<Reply> {
    let ids: Vec<String> = body.user_ids.into_iter().flatten().chain(body.user_id).collect();
    count_between("userIds", ids.len(), 1, 100)?;
    let ids = ids.into_iter().map(|id| if id == "me" { user.id.clone() } else { id }).collect();
    let users = compose::users_of(&edge, &user.context, ids).await?;
    let request = AddMembersRequest {
        channel_num,
        user_nums: users.iter().map(|user| user.num).collect(),
        role: body.role.unwrap_or_default(),
    };
    let added = edge.channel().add_members(user.context.request(request)).await?.into_inner();
    compose::settle(&edge, &user.context, added.log_position).await;
    Ok(Json(Reply { success: true, added_count: added.added_nums.len() }))
}
