use parlance_proto::notification::RemoveDeviceRequest;

use super::super::prelude::*;
use super::super::request::required;
use super::super::schema::PushEndpoint;

#[derive(Deserialize, ToSchema)]
pub struct Body {
    #[schema(value_type = PushEndpoint)]
    endpoint: Option<String>,
}

/// `POST /api/webpush/unsubscribe`: forgets a browser; one that is not known is a success.
#[utoipa::path(
    post,
    path = "/api/webpush/unsubscribe",
    request_body = Body,
    responses((status = 200, body = Success))
)]
pub async fn handle(State(edge): State<Edge>, user: User, Input(body): Input<Body>) -> Answer<Success> {
    let device = required("endpoint", body.endpoint)?;
    edge.notification().remove_device(user.context.request(RemoveDeviceRequest { device })).await?;
    success()
}
