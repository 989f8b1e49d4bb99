use parlance_core::Result;
use parlance_proto::notification::{ListDevicesRequest, ListDevicesResponse};
use parlance_rpc::Context;

use crate::convert;
use crate::service::Service;
use crate::store::devices;

/// The caller's devices, oldest first.
pub async fn list_devices(
    service: &Service,
    context: &Context,
    _: ListDevicesRequest,
) -> Result<ListDevicesResponse> {
    let user = context.caller.require_user()?;
    let rows = devices::list(service.store.read(), context.caller.app, user).await?;
    Ok(ListDevicesResponse { devices: rows.iter().map(convert::device).collect() })
}
