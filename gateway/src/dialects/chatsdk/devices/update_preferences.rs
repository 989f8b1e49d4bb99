use parlance_proto::notification::UpdatePreferencesRequest;

use super::super::prelude::*;
use super::super::schema::{Clock, Timezone};
use super::Preferences;

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    push_enabled: Option<bool>,
    new_messages: Option<bool>,
    mentions: Option<bool>,
    reactions: Option<bool>,
    channel_invites: Option<bool>,
    thread_replies: Option<bool>,
    quiet_hours_enabled: Option<bool>,
    #[schema(value_type = Option<Clock>)]
    quiet_hours_start: Option<String>,
    #[schema(value_type = Option<Clock>)]
    quiet_hours_end: Option<String>,
    #[schema(value_type = Option<Timezone>)]
    timezone: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Reply {
    success: bool,
    preferences: Preferences,
}

/// `PATCH /api/devices/preferences`: changes what is given and keeps the rest.
#[utoipa::path(
    patch,
    path = "/api/devices/preferences",
    request_body = Body,
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, user: User, Input(body): Input<Body>) -> Answer<Reply> {
    let request = UpdatePreferencesRequest {
        push_enabled: body.push_enabled,
        new_messages: body.new_messages,
        mentions: body.mentions,
        reactions: body.reactions,
        channel_invites: body.channel_invites,
        thread_replies: body.thread_replies,
        quiet_hours_enabled: body.quiet_hours_enabled,
        quiet_hours_start: body.quiet_hours_start,
        quiet_hours_end: body.quiet_hours_end,
        timezone: body.timezone,
    };
    let answer = edge.notification().update_preferences(user.context.request(request)).await?.into_inner();
    Ok(Json(Reply { success: true, preferences: answer.preferences.unwrap_or_default().into() }))
}
