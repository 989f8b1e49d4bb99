//! Tells whose API key it is.

use parlance_core::{Error, Reason, Result};
use parlance_proto::auth::{VerifyApiKeyRequest, VerifyApiKeyResponse};
use parlance_rpc::Context;

use crate::domain::api_key;
use crate::store::api_keys;
use crate::{Auth, convert};

/// API_KEY_INVALID if the key is unknown, revoked or expired.
pub async fn run(
    auth: &Auth,
    context: &Context,
    request: VerifyApiKeyRequest,
) -> Result<VerifyApiKeyResponse> {
    context.caller.require_service()?;
    let key = api_keys::find_valid(&auth.store, &api_key::hash(&request.api_key), auth.clock.now())
        .await?
        .ok_or_else(|| Error::new(Reason::ApiKeyInvalid, "the API key is not valid"))?;
    Ok(VerifyApiKeyResponse {
        app_id: key.app.to_string(),
        kind: convert::api_key_kind(key.kind)?.into(),
        key_id: key.key_id,
    })
}
