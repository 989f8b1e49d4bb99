//! The app's own rules.

use parlance_core::Result;
use parlance_proto::link_preview::{GetSettingsRequest, GetSettingsResponse};
use parlance_rpc::Context;

use crate::store::settings;
use crate::{Previews, convert};

/// As they are stored; an app that never wrote any opens all links.
pub async fn run(
    previews: &Previews,
    context: &Context,
    _request: GetSettingsRequest,
) -> Result<GetSettingsResponse> {
    context.caller.require_server()?;
    let rules = settings::find(&previews.store, context.caller.app).await?.unwrap_or_default();
    Ok(GetSettingsResponse { settings: Some(convert::settings(&rules)) })
}
