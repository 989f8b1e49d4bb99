use parlance_core::{Error, Result, id};
use parlance_proto::notification::{RemoveDeviceRequest, RemoveDeviceResponse};
use parlance_rpc::Context;

use crate::domain::device::token_key;
use crate::service::Service;
use crate::store::devices;

/// Removes the caller's devices that go by this id, client's id or token.
pub async fn remove_device(
    service: &Service,
    context: &Context,
    request: RemoveDeviceRequest,
) -> Result<RemoveDeviceResponse> {
    let user = context.caller.require_user()?;
    let name = request.device;
    if name.is_empty() {
        return Err(Error::invalid("device", "is required"));
    }
    // What cannot be a device's name is no device's name.
    if name.chars().any(char::is_control) {
        return Ok(RemoveDeviceResponse::default());
    }
    // No device has the num 0.
    let num = id::parse(&name).unwrap_or(0);
    let write = service.store.begin().await?;
    let (app, key) = (context.caller.app, token_key(&name));
    let removed = devices::remove(write.connection(), app, user, num, &name, key).await?;
    drop(write.commit().await?);
    Ok(RemoveDeviceResponse { removed: removed as u32 })
}
