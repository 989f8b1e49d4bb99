//! Replaces the app's own rules.

use std::sync::Arc;

use parlance_core::{Error, Result};
use parlance_proto::link_preview::{UpdateSettingsRequest, UpdateSettingsResponse};
use parlance_rpc::Context;

use crate::store::settings;
use crate::{Previews, convert, rules};

/// Counts at once here, within a minute on other replicas. Previews that were found under the rules before
/// are found anew.
pub async fn run(
    previews: &Previews,
    context: &Context,
    request: UpdateSettingsRequest,
) -> Result<UpdateSettingsResponse> {
    context.caller.require_server()?;
    let app = context.caller.app;
    let wanted = request.settings.ok_or_else(|| Error::invalid("settings", "must be given"))?;
    let wanted = convert::rules(wanted)?;

    let write = previews.store.begin().await?;
    let written = Arc::new(settings::put(&write, app, &wanted, previews.clock.now()).await?);
    let committed = write.commit().await?;
    rules::know(previews, app, written.clone()).await;
    drop(committed);

    Ok(UpdateSettingsResponse { settings: Some(convert::settings(&written)) })
}
