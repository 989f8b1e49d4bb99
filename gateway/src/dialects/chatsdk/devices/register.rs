use http::StatusCode;
use parlance_proto::notification::{ProviderKind, RegisterDeviceRequest};

use super::super::prelude::*;
use super::super::request::required;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    platform: Option<String>,
    token: Option<String>,
    provider: Option<String>,
    device_id: Option<String>,
    app_version: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    success: bool,
    id: String,
    platform: String,
    provider: &'static str,
    created_at: Option<convert::Time>,
}

/// `POST /api/devices`: registers a device for push notifications, or renews it. Without a provider the
/// platform says which it is.
pub async fn handle(
    State(edge): State<Edge>,
    user: User,
    Input(body): Input<Body>,
) -> Result<(StatusCode, Json<Reply>), Failure> {
    let request = RegisterDeviceRequest {
        platform: required("platform", body.platform)?,
        token: required("token", body.token)?,
        provider: provider(body.provider.as_deref())?.into(),
        device_id: body.device_id.unwrap_or_default(),
        app_version: body.app_version.unwrap_or_default(),
        ..Default::default()
    };
    let answer = edge.notification().register_device(user.context.request(request)).await?.into_inner();
    let device = answer.device.unwrap_or_default();
    let reply = Reply {
        success: true,
        provider: name(device.provider()),
        created_at: convert::time(&device.created_at),
        id: device.id,
        platform: device.platform,
    };
    Ok((StatusCode::CREATED, Json(reply)))
}

/// Unspecified if none is named.
fn provider(name: Option<&str>) -> Result<ProviderKind, Failure> {
    match name {
        None | Some("") => Ok(ProviderKind::Unspecified),
        Some("fcm") => Ok(ProviderKind::Fcm),
        Some("apns") => Ok(ProviderKind::Apns),
        Some("expo") => Ok(ProviderKind::Expo),
        Some(_) => Err(Failure::invalid("provider", "must be fcm, apns or expo")),
    }
}

fn name(provider: ProviderKind) -> &'static str {
    match provider {
        ProviderKind::Fcm | ProviderKind::Unspecified => "fcm",
        ProviderKind::Apns => "apns",
        ProviderKind::Expo => "expo",
        ProviderKind::WebPush => "webpush",
        ProviderKind::Novu => "novu",
    }
}
