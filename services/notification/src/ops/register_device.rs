use parlance_core::{Error, Result};
use parlance_proto::notification::{ProviderKind, RegisterDeviceRequest, RegisterDeviceResponse};
use parlance_rpc::Context;

use super::user_id;
use crate::convert;
use crate::domain::device;
use crate::service::Service;
use crate::store::devices::{self, Device};

/// Registers a device of the caller. The same token keeps its id and belongs to whoever registered it
/// last; of too many devices the one not renewed for longest goes.
pub async fn register_device(
    service: &Service,
    context: &Context,
    request: RegisterDeviceRequest,
) -> Result<RegisterDeviceResponse> {
    let user = context.caller.require_user()?;
    let app = context.caller.app;
    let checked = device::check(&request)?;
    let is_web_push = checked.provider == ProviderKind::WebPush;
    let user_id = user_id(service, context, user).await?;
    let now = service.now();
    let num = service.nums.next(now);
    let device = Device {
        num,
        app,
        user_num: user,
        user_id,
        platform: request.platform,
        provider: checked.provider as i16,
        token: request.token.clone(),
        device_id: request.device_id,
        app_version: request.app_version,
        p256dh: is_web_push.then(|| request.p256dh.to_vec()),
        auth: is_web_push.then(|| request.auth.to_vec()),
        created_at: now.0,
        updated_at: now.0,
        changed: num,
    };
    let write = service.store.begin().await?;
    let row = devices::register(write.connection(), device, device::token_key(&request.token))
        .await?
        .ok_or_else(|| Error::internal("a registered device is gone"))?;
    devices::trim(write.connection(), app, user, service.settings.max_devices).await?;
    drop(write.commit().await?);
    Ok(RegisterDeviceResponse { device: Some(convert::device(&row)), created: row.num == num })
}
