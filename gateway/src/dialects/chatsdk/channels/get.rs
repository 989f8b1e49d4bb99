use super::super::prelude::*;

/// `GET /api/channels/{id}`: the channel with its members.
#[utoipa::path(
    get,
    path = "/api/channels/{id}",
    responses((status = 200, body = convert::Channel))
)]
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    ChannelPath(channel): ChannelPath,
) -> Answer<convert::Channel> {
    let channel = compose::readable_channel(&edge, &user, channel).await?;
    Ok(Json(compose::channel(&edge, &user, Some(channel)).await?))
}
