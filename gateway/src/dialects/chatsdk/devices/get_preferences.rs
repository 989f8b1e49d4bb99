use parlance_proto::notification::GetPreferencesRequest;
use serde_json::{Map, Value};

use super::super::prelude::*;
use super::Preferences;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    preferences: Preferences,
    /// What Novu keeps of the user, `{channels, workflows}`, or by what name it knows him, `{subscriberId}`,
    /// while it does not answer; null unless the app sends through it.
    #[schema(value_type = Option<Object>)]
    novu_preferences: Option<Map<String, Value>>,
}

/// `GET /api/devices/preferences`: what one wants to be told.
#[utoipa::path(
    get,
    path = "/api/devices/preferences",
    responses((status = 200, body = Reply))
)]
pub async fn handle(State(edge): State<Edge>, user: User) -> Answer<Reply> {
    let request = user.context.request(GetPreferencesRequest {});
    let answer = edge.notification().get_preferences(request).await?.into_inner();
    Ok(Json(Reply {
        preferences: answer.preferences.unwrap_or_default().into(),
        novu_preferences: serde_json::from_str(&answer.novu).ok(),
    }))
}
