use parlance_core::Result;
use parlance_proto::notification::{GetPreferencesRequest, GetPreferencesResponse, ProviderKind};
use parlance_rpc::Context;
use serde_json::json;

use super::user_id;
use crate::app_providers::Found;
use crate::convert;
use crate::service::Service;
use crate::store::preferences;

/// The caller's preferences, and what Novu keeps of him if the app sends through it: by what name it knows
/// him, where it does not answer.
pub async fn get_preferences(
    service: &Service,
    context: &Context,
    _: GetPreferencesRequest,
) -> Result<GetPreferencesResponse> {
    let user = context.caller.require_user()?;
    let app = context.caller.app;
    let found = preferences::of_users(service.store.read(), app, vec![user]).await?;
    let found = found.into_iter().next().map(|(_, found)| found).unwrap_or_default();
    let mut novu = String::new();
    if let Found::Ready(provider) = service.providers.get(app, ProviderKind::Novu).await? {
        let user_id = user_id(service, context, user).await?;
        // What Novu does not tell now is no reason to tell nothing.
        let kept = provider.preferences(app, &user_id).await;
        let kept = kept.unwrap_or_else(|| json!({ "subscriberId": format!("{app}:{user_id}") }));
        novu = kept.to_string();
    }
    Ok(GetPreferencesResponse { preferences: Some(convert::preferences(&found)), novu })
}
