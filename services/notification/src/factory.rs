use std::sync::Arc;
use std::time::Duration;

use parlance_core::{Clock, Result};
use serde_json::Value;

use crate::providers::{Common, build};
use crate::{ProviderFactory, Settings, convert};

/// How long one try may take.
const TRY: Duration = Duration::from_secs(10);

/// The push services as they are.
pub fn provider_factory(settings: &Settings, clock: Arc<dyn Clock>) -> Result<ProviderFactory> {
    let common = Common::new(clock, TRY, settings.allow_private_networks)?;
    Ok(Arc::new(move |kind, settings, secrets| {
        let kind = convert::provider_kind(kind)?;
        build(kind, &Value::Object(settings.clone()), &Value::Object(secrets.clone()), &common)
    }))
}
