use parlance_core::Result;
use parlance_proto::notification::{RemoveProviderRequest, RemoveProviderResponse};
use parlance_rpc::Context;

use crate::convert;
use crate::service::Service;
use crate::store::providers;

/// Removes a push service of the caller's app, its secrets included. What waits for it is given up when it
/// is due, and can be replayed once there is one again.
pub async fn remove_provider(
    service: &Service,
    context: &Context,
    request: RemoveProviderRequest,
) -> Result<RemoveProviderResponse> {
    context.caller.require_server()?;
    let app = context.caller.app;
    let kind = convert::kind(request.kind)?;
    let write = service.store.begin().await?;
    let removed = providers::remove(write.connection(), app, kind as i16).await?;
    drop(write.commit().await?);
    service.providers.forget(app).await;
    Ok(RemoveProviderResponse { removed })
}
