//! What a device may look like.

use parlance_core::{Error, Result};
use parlance_proto::notification::{ProviderKind, RegisterDeviceRequest};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::web_push;

const MAX_TOKEN_BYTES: usize = 4096;
const MAX_DEVICE_ID_BYTES: usize = 255;
const MAX_VERSION_BYTES: usize = 64;
/// Bytes of a browser's secret.
const WEB_PUSH_SECRET_BYTES: usize = 16;

/// A registration that has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    pub provider: ProviderKind,
}

/// Checks a registration. INVALID_ARGUMENT names the field.
pub fn check(request: &RegisterDeviceRequest) -> Result<Checked> {
    let usual = match request.platform.as_str() {
        "ios" => ProviderKind::Apns,
        "android" | "web" => ProviderKind::Fcm,
        "expo" => ProviderKind::Expo,
        _ => return Err(Error::invalid("platform", "must be ios, android, expo or web")),
    };
    let provider = match ProviderKind::try_from(request.provider) {
        Ok(ProviderKind::Unspecified) => usual,
        Ok(kind @ (ProviderKind::Fcm | ProviderKind::Apns | ProviderKind::Expo | ProviderKind::WebPush)) => {
            kind
        }
        Ok(ProviderKind::Novu) | Err(_) => {
            return Err(Error::invalid("provider", "must be fcm, apns, expo or web_push"));
        }
    };
    bytes("token", &request.token, 1, MAX_TOKEN_BYTES)?;
    bytes("device_id", &request.device_id, 0, MAX_DEVICE_ID_BYTES)?;
    bytes("app_version", &request.app_version, 0, MAX_VERSION_BYTES)?;
    if provider == ProviderKind::WebPush {
        check_web_push(request)?;
    }
    Ok(Checked { provider })
}

fn check_web_push(request: &RegisterDeviceRequest) -> Result<()> {
    let is_https = |url: Url| url.scheme() == "https" && url.host().is_some();
    if !Url::parse(&request.token).is_ok_and(is_https) {
        return Err(Error::invalid("token", "must be the endpoint, an https URL"));
    }
    if !web_push::is_public_key(&request.p256dh) {
        return Err(Error::invalid("p256dh", "must be an uncompressed P-256 point of 65 bytes"));
    }
    if request.auth.len() != WEB_PUSH_SECRET_BYTES {
        return Err(Error::invalid("auth", format!("must have {WEB_PUSH_SECRET_BYTES} bytes")));
    }
    Ok(())
}

fn bytes(field: &str, text: &str, least: usize, most: usize) -> Result<()> {
    if !(least..=most).contains(&text.len()) {
        return Err(Error::invalid(field, format!("must have {least} to {most} bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "must not hold control characters"));
    }
    Ok(())
}

/// What a token is found by: short enough for an index, whatever the token's length.
pub fn token_key(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(platform: &str, provider: ProviderKind) -> RegisterDeviceRequest {
        RegisterDeviceRequest {
            platform: platform.into(),
            token: "token".into(),
            provider: provider.into(),
            ..Default::default()
        }
    }

    fn field_of(request: &RegisterDeviceRequest) -> Option<String> {
        check(request).unwrap_err().field
    }

    #[test]
    fn an_absent_provider_follows_from_the_platform() {
        for (platform, provider) in [
            ("ios", ProviderKind::Apns),
            ("android", ProviderKind::Fcm),
            ("expo", ProviderKind::Expo),
            ("web", ProviderKind::Fcm),
        ] {
            let checked = check(&request(platform, ProviderKind::Unspecified)).unwrap();
            assert_eq!(checked.provider, provider, "{platform}");
        }
        let given = check(&request("ios", ProviderKind::Fcm)).unwrap();
        assert_eq!(given.provider, ProviderKind::Fcm);
    }

    #[test]
    fn what_is_unknown_or_too_long_is_refused_by_name() {
        assert_eq!(field_of(&request("windows", ProviderKind::Fcm)).as_deref(), Some("platform"));
        assert_eq!(field_of(&request("ios", ProviderKind::Novu)).as_deref(), Some("provider"));
        let unheard = RegisterDeviceRequest { provider: 99, ..request("ios", ProviderKind::Fcm) };
        assert_eq!(field_of(&unheard).as_deref(), Some("provider"));
        let ios = request("ios", ProviderKind::Apns);
        for (token, device_id, app_version, field) in [
            (String::new(), String::new(), String::new(), "token"),
            ("t".repeat(4097), String::new(), String::new(), "token"),
            ("a\nb".into(), String::new(), String::new(), "token"),
            ("t".into(), "d".repeat(256), String::new(), "device_id"),
            ("t".into(), String::new(), "v".repeat(65), "app_version"),
        ] {
            let wrong = RegisterDeviceRequest { token, device_id, app_version, ..ios.clone() };
            assert_eq!(field_of(&wrong).as_deref(), Some(field));
        }
    }

    #[test]
    fn a_browser_brings_an_https_endpoint_and_its_keys() {
        use crate::providers::web_push::{generate, public_key_of};
        let public_key = public_key_of(&generate().unwrap().private_key).unwrap();
        let good = RegisterDeviceRequest {
            token: "https://push.example.org/abc".into(),
            p256dh: public_key.clone().into(),
            auth: vec![1; 16].into(),
            ..request("web", ProviderKind::WebPush)
        };
        assert_eq!(check(&good).unwrap().provider, ProviderKind::WebPush);
        for (wrong, field) in [
            (RegisterDeviceRequest { token: "http://push.example.org/abc".into(), ..good.clone() }, "token"),
            (RegisterDeviceRequest { token: "abc".into(), ..good.clone() }, "token"),
            (RegisterDeviceRequest { p256dh: vec![4; 65].into(), ..good.clone() }, "p256dh"),
            (RegisterDeviceRequest { p256dh: public_key[..64].to_vec().into(), ..good.clone() }, "p256dh"),
            (RegisterDeviceRequest { auth: vec![1; 15].into(), ..good.clone() }, "auth"),
        ] {
            assert_eq!(field_of(&wrong).as_deref(), Some(field));
        }
    }
}
