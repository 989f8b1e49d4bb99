use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parlance_proto::notification::{ProviderKind, RegisterDeviceRequest};

use super::super::prelude::*;
use super::super::request::required;
use super::super::schema::{PublicKey, PushEndpoint, PushSecret};

/// A browser's `PushSubscription`, as its `toJSON()` gives it.
#[derive(Deserialize, ToSchema)]
pub struct Body {
    #[schema(value_type = PushEndpoint)]
    endpoint: Option<String>,
    /// Not needed: push services say themselves when a subscription has ended.
    #[serde(rename = "expirationTime")]
    _expiration_time: Option<f64>,
    #[schema(value_type = Keys)]
    keys: Option<Keys>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PushKeys)]
pub struct Keys {
    #[schema(value_type = PublicKey)]
    p256dh: Option<String>,
    #[schema(value_type = PushSecret)]
    auth: Option<String>,
}

/// What a device's fields are called here.
const FIELDS: &[(&str, &str)] = &[("token", "endpoint"), ("p256dh", "keys.p256dh"), ("auth", "keys.auth")];

/// `POST /api/webpush/subscribe`: registers a browser.
#[utoipa::path(
    post,
    path = "/api/webpush/subscribe",
    request_body = Body,
    responses((status = 200, body = Success))
)]
pub async fn handle(State(edge): State<Edge>, user: User, Input(body): Input<Body>) -> Answer<Success> {
    let endpoint = required("endpoint", body.endpoint)?;
    let keys = body.keys.ok_or_else(|| Failure::invalid("keys", "is required"))?;
    let request = RegisterDeviceRequest {
        platform: "web".to_owned(),
        token: endpoint,
        provider: ProviderKind::WebPush.into(),
        p256dh: bytes("keys.p256dh", keys.p256dh)?.into(),
        auth: bytes("keys.auth", keys.auth)?.into(),
        ..Default::default()
    };
    let registered = edge.notification().register_device(user.context.request(request)).await;
    registered.map_err(|status| Failure::from(status).with_fields(FIELDS))?;
    success()
}

/// Base64url, with or without padding.
fn bytes(path: &str, text: Option<String>) -> Result<Vec<u8>, Failure> {
    let text = required(path, text)?;
    URL_SAFE_NO_PAD
        .decode(text.trim_end_matches('='))
        .map_err(|_| Failure::invalid(path, "must be base64url"))
}
