use parlance_proto::notification::RemoveDeviceRequest;

use super::super::prelude::*;
use super::super::request::DevicePath;

/// `DELETE /api/devices/{deviceId}`: removes one's own device, named by its id, by the client's own id of
/// it, or by its token. One that is not there is a success.
#[utoipa::path(
    delete,
    path = "/api/devices/{deviceId}",
    responses((status = 200, body = Success))
)]
pub async fn handle(State(edge): State<Edge>, user: User, DevicePath(device): DevicePath) -> Answer<Success> {
    edge.notification().remove_device(user.context.request(RemoveDeviceRequest { device })).await?;
    success()
}
