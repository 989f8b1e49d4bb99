use parlance_core::Result;
use parlance_proto::notification::{ListProvidersRequest, ListProvidersResponse};
use parlance_rpc::Context;

use crate::convert;
use crate::service::Service;
use crate::store::providers;

/// The push services of the caller's app, without their secrets.
pub async fn list_providers(
    service: &Service,
    context: &Context,
    _: ListProvidersRequest,
) -> Result<ListProvidersResponse> {
    context.caller.require_server()?;
    let rows = providers::of_app(service.store.read(), context.caller.app).await?;
    Ok(ListProvidersResponse { providers: rows.iter().map(convert::provider).collect() })
}
