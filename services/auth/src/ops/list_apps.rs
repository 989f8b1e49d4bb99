//! All apps.

use parlance_core::Result;
use parlance_proto::auth::{ListAppsRequest, ListAppsResponse};
use parlance_rpc::Context;

use crate::store::apps;
use crate::{Auth, convert};

/// Oldest first, without their secrets.
pub async fn run(auth: &Auth, context: &Context, _: ListAppsRequest) -> Result<ListAppsResponse> {
    context.caller.require_service()?;
    let apps = apps::list(&auth.store).await?;
    Ok(ListAppsResponse { apps: apps.into_iter().map(convert::app).collect() })
}
