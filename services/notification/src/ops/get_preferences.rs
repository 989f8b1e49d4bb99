use parlance_core::Result;
use parlance_proto::notification::{GetPreferencesRequest, GetPreferencesResponse, ProviderKind};
use parlance_rpc::Context;

use super::user_id;
use crate::convert;
use crate::service::Service;
use crate::store::preferences;

/// The caller's preferences, and what Novu keeps of him if the app sends through it.
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
    if let Some(provider) = service.providers.get(app, ProviderKind::Novu).await? {
        let user_id = user_id(service, context, user).await?;
        let kept = provider.preferences(app, &user_id).await;
        novu = kept.map(|kept| kept.to_string()).unwrap_or_default();
    }
    Ok(GetPreferencesResponse { preferences: Some(convert::preferences(&found)), novu })
}
