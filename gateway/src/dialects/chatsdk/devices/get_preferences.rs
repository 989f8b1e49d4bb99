use parlance_proto::notification::GetPreferencesRequest;
use serde_json::Value;

use super::super::prelude::*;
use super::Preferences;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    preferences: Preferences,
    /// What Novu keeps of the user; null unless the app sends through it.
    novu_preferences: Option<Value>,
}

/// `GET /api/devices/preferences`: what one wants to be told.
pub async fn handle(State(edge): State<Edge>, user: User) -> Answer<Reply> {
    let request = user.context.request(GetPreferencesRequest {});
    let answer = edge.notification().get_preferences(request).await?.into_inner();
    Ok(Json(Reply {
        preferences: answer.preferences.unwrap_or_default().into(),
        novu_preferences: serde_json::from_str(&answer.novu).ok(),
    }))
}
