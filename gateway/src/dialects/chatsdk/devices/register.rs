use http::StatusCode;
use parlance_core::Error;
use parlance_proto::notification::{ProviderKind, RegisterDeviceRequest};

use super::super::prelude::*;
use super::super::request::required;
use super::super::schema::{AppVersion, DeviceId, Id, Platform, PushProvider, PushToken};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[schema(value_type = Platform)]
    platform: Option<String>,
    #[schema(value_type = PushToken)]
    token: Option<String>,
    #[schema(value_type = Option<PushProvider>)]
    provider: Option<String>,
    #[schema(value_type = Option<DeviceId>)]
    device_id: Option<String>,
    #[schema(value_type = Option<AppVersion>)]
    app_version: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    success: bool,
    #[schema(value_type = Id)]
    id: String,
    #[schema(value_type = Platform)]
    platform: String,
    #[schema(value_type = PushProvider)]
    provider: &'static str,
    created_at: convert::Time,
}

/// `POST /api/devices`: registers a device for push notifications, or renews it. Without a provider the
/// platform says which it is.
#[utoipa::path(
    post,
    path = "/api/devices",
    request_body = Body,
    responses((status = 201, body = Reply))
)]
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
    let lacking = || Error::internal("a reply lacks its device");
    let device = answer.device.ok_or_else(lacking)?;
    let reply = Reply {
        success: true,
        provider: name(device.provider()),
        created_at: convert::time(&device.created_at).ok_or_else(lacking)?,
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
