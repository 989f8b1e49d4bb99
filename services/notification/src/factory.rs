use std::sync::Arc;
use std::time::Duration;

use parlance_core::{Clock, Error, Result};
use parlance_proto::notification::ProviderKind;
use serde_json::Value;

use crate::providers::{Common, Kind, build};
use crate::{ProviderFactory, Settings};

/// How long one try may take.
const TRY: Duration = Duration::from_secs(10);

/// The push services as they are.
pub fn provider_factory(settings: &Settings, clock: Arc<dyn Clock>) -> Result<ProviderFactory> {
    let common = Common::new(clock, TRY, settings.allow_private_networks)?;
    Ok(Arc::new(move |kind, settings, secrets| {
        let kind = match kind {
            ProviderKind::Fcm => Kind::Fcm,
            ProviderKind::Apns => Kind::Apns,
            ProviderKind::Expo => Kind::Expo,
            ProviderKind::WebPush => Kind::WebPush,
            ProviderKind::Novu => Kind::Novu,
            ProviderKind::Unspecified => return Err(Error::invalid("kind", "is required")),
        };
        build(kind, &Value::Object(settings.clone()), &Value::Object(secrets.clone()), &common)
    }))
}
