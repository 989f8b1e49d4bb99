use parlance_core::{Error, Reason, Result};
use parlance_proto::notification::{GetWebPushKeyRequest, GetWebPushKeyResponse, ProviderKind};
use parlance_rpc::Context;

use crate::service::Service;

/// The public key that browsers of the app subscribe with.
pub async fn get_web_push_key(
    service: &Service,
    context: &Context,
    _: GetWebPushKeyRequest,
) -> Result<GetWebPushKeyResponse> {
    let kinds = service.providers.of(context.caller.app).await?;
    let row = kinds.enabled(ProviderKind::WebPush);
    let public_key = row.and_then(|row| row.public_key.clone());
    public_key
        .map(|public_key| GetWebPushKeyResponse { public_key: public_key.into() })
        .ok_or_else(|| Error::new(Reason::ProviderNotFound, "the app has not set up Web Push"))
}
