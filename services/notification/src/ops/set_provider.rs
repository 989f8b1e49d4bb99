use parlance_core::{Error, Result};
use parlance_proto::notification::{ProviderKind, SetProviderRequest, SetProviderResponse};
use parlance_rpc::Context;
use serde_json::{Map, Value};

use crate::app_providers::object;
use crate::convert;
use crate::providers::web_push;
use crate::service::Service;
use crate::store::providers::{self, ProviderRow};

/// Most bytes of settings, and of secrets.
const MAX_BYTES: usize = 16 * 1024;
/// Where the private key of Web Push is kept.
const PRIVATE_KEY: &str = "private_key";

/// Sets up a push service of the caller's app. Without secrets those that are kept stay. It is built once
/// here, so that what cannot work is refused at once.
pub async fn set_provider(
    service: &Service,
    context: &Context,
    request: SetProviderRequest,
) -> Result<SetProviderResponse> {
    context.caller.require_server()?;
    let app = context.caller.app;
    let kind = convert::kind(request.kind)?;
    for (field, text) in [("settings", &request.settings), ("secrets", &request.secrets)] {
        if text.len() > MAX_BYTES {
            return Err(Error::invalid(field, format!("must have at most {MAX_BYTES} bytes")));
        }
    }
    let settings = object("settings", &request.settings)?;
    let given = object("secrets", &request.secrets)?;

    let write = service.store.begin().await?;
    let before = providers::lock(write.connection(), app, kind as i16).await?;
    let keeps_pair = kind == ProviderKind::WebPush && !given.contains_key(PRIVATE_KEY);
    let mut secrets = match &before {
        Some(row) if given.is_empty() || keeps_pair => {
            let mut secrets = service.providers.open(app, kind, &row.secrets)?;
            secrets.extend(given);
            secrets
        }
        _ => given,
    };
    let public_key = match kind {
        ProviderKind::WebPush => Some(complete_pair(&mut secrets)?),
        _ => None,
    };
    service.providers.check(kind, &settings, &secrets)?;
    let now = service.now();
    let row = ProviderRow {
        app,
        kind: kind as i16,
        settings: Value::Object(settings).to_string(),
        secrets: service.providers.seal(app, kind, &secrets)?,
        public_key,
        enabled: request.enabled,
        version: service.nums.next(now),
        updated_at: now.0,
    };
    providers::save(write.connection(), &row).await?;
    drop(write.commit().await?);
    service.providers.forget(app).await;
    Ok(SetProviderResponse { provider: Some(convert::provider(&row)) })
}

/// The public key of Web Push; a pair is made if none was ever given.
fn complete_pair(secrets: &mut Map<String, Value>) -> Result<Vec<u8>> {
    if let Some(private_key) = secrets.get(PRIVATE_KEY) {
        // What is no text is no key.
        return web_push::public_key_of(private_key.as_str().unwrap_or_default());
    }
    let private_key = web_push::generate()?.private_key;
    let public_key = web_push::public_key_of(&private_key)?;
    secrets.insert(PRIVATE_KEY.to_owned(), private_key.into());
    Ok(public_key)
}
