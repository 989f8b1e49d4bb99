use parlance_core::Result;
use parlance_proto::notification::{UpdatePreferencesRequest, UpdatePreferencesResponse};
use parlance_rpc::Context;

use crate::convert;
use crate::service::Service;
use crate::store::preferences;

/// Merges the given fields into the caller's preferences.
pub async fn update_preferences(
    service: &Service,
    context: &Context,
    request: UpdatePreferencesRequest,
) -> Result<UpdatePreferencesResponse> {
    let user = context.caller.require_user()?;
    let app = context.caller.app;
    let now = service.now();
    let write = service.store.begin().await?;
    let mut found = preferences::lock(write.connection(), app, user, now).await?;
    found.merge(&request)?;
    preferences::save(write.connection(), app, user, &found, now).await?;
    drop(write.commit().await?);
    Ok(UpdatePreferencesResponse { preferences: Some(convert::preferences(&found)) })
}
