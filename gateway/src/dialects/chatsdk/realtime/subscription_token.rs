use parlance_proto::auth::IssueSubscriptionTokenRequest;

use super::super::channels::{Channel, parse};
use super::super::error::Code;
use super::super::prelude::*;
use super::super::request::required;
use super::super::schema::StreamName;

/// Life of a subscription token in seconds.
const TTL_S: u32 = 900;

#[derive(Deserialize, ToSchema)]
pub struct Body {
    #[schema(value_type = StreamName)]
    channel: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    token: String,
    expires_in: u32,
}

/// `POST /api/realtime/subscription-token`: a token for one realtime channel that the caller may
/// subscribe to.
#[utoipa::path(
    post,
    path = "/api/realtime/subscription-token",
    request_body = Body,
    responses((status = 200, body = Reply), (status = 403), (status = 404))
)]
pub async fn handle(State(edge): State<Edge>, user: User, Input(body): Input<Body>) -> Answer<Reply> {
    let channel = required("channel", body.channel)?;
    let longest = edge.settings().realtime.max_channel_length;
    if channel.len() > longest {
        return Err(Failure::invalid("channel", format_args!("may have at most {longest} bytes")));
    }
    let not_yours = || Failure::new(Code::Forbidden, "this channel is not yours to subscribe to");
    match parse(&channel) {
        None => return Err(Failure::invalid("channel", "must read namespace:appId:id")),
        Some(Channel::Chat { app, .. } | Channel::User { app, .. }) if app != user.app => {
            return Err(not_yours());
        }
        Some(Channel::Chat { num, .. }) => {
            compose::readable_channel(&edge, &user, num).await?;
        }
        Some(Channel::User { user_id, .. }) if user_id == user.id => {}
        // Nothing is told there: what happens in workspaces goes to their members' own channels.
        Some(Channel::User { .. } | Channel::Other) => return Err(not_yours()),
    }
    let request = IssueSubscriptionTokenRequest { channel, ttl_s: TTL_S };
    let issued = edge.auth().issue_subscription_token(user.context.request(request)).await?.into_inner();
    Ok(Json(Reply { token: issued.token, expires_in: issued.expires_in_s }))
}
