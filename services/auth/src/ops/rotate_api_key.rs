//! Makes a new API key and lets the older ones of its kind run out.

use parlance_core::{Error, Reason, Result};
use parlance_proto::auth::{ApiKeyKind, RotateApiKeyRequest, RotateApiKeyResponse};
use parlance_rpc::Context;

use crate::Auth;
use crate::domain::{api_key, input};
use crate::store::{api_keys, apps};

/// APP_NOT_FOUND if there is no such app. Whoever keeps verified keys in memory believes an expired one
/// for a few seconds more.
pub async fn run(
    auth: &Auth,
    context: &Context,
    request: RotateApiKeyRequest,
) -> Result<RotateApiKeyResponse> {
    context.caller.require_service()?;
    let app = context.caller.app;
    let kind = match request.kind() {
        ApiKeyKind::Secret | ApiKeyKind::Unspecified => api_key::Kind::Secret,
        ApiKeyKind::Public => api_key::Kind::Public,
    };
    let now = auth.clock.now();
    let until = now + input::overlap(request.overlap_s)?;
    let (key, key_id) = (api_key::generate(kind)?, api_key::generate_name()?);

    let write = auth.store.begin().await?;
    // Locks the app, so that of two rotations at once the later lets the key of the earlier run out.
    apps::lock(&write, app).await?.ok_or_else(|| Error::new(Reason::AppNotFound, "there is no such app"))?;
    let expiring = api_keys::expire(&write, app, kind, now, until).await?;
    if !api_keys::insert(&write, app, api_key::hash(&key), kind, key_id.clone(), now).await? {
        return Err(Error::internal("a random API key exists already"));
    }
    let _committed = write.commit().await?;

    Ok(RotateApiKeyResponse { api_key: key, key_id, expiring, expire_at: Some(until.timestamp()) })
}
