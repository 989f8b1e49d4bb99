use parlance_proto::notification::RemoveDeviceRequest;

use super::super::prelude::*;
use super::super::request::required;

#[derive(Deserialize)]
pub struct Body {
    endpoint: Option<String>,
}

/// `POST /api/webpush/unsubscribe`: forgets a browser; one that is not known is a success.
pub async fn handle(State(edge): State<Edge>, user: User, Input(body): Input<Body>) -> Answer<Success> {
    let device = required("endpoint", body.endpoint)?;
    edge.notification().remove_device(user.context.request(RemoveDeviceRequest { device })).await?;
    success()
}
