//! Web Push: an encrypted message to an address that the browser chose (RFC 8030, 8291, 8292).

mod encrypt;
mod outside;
mod vapid;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use parlance_core::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use self::outside::Outside;
pub use self::vapid::Pair;
use self::vapid::Vapid;
use super::fit::{collapse_id, fit, topic};
use super::http::{detail, each, refusal, time_to_live};
use super::settings::{self, required};
use super::{Common, Outcome, Provider, Push, Target};

/// Longer than this no push service keeps a message (four weeks).
const MAX_TTL: u64 = 28 * 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    subject: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    private_key: Option<settings::Secret>,
}

pub struct WebPush {
    common: Common,
    outside: Outside,
    vapid: Vapid,
}

/// A new key pair for an app.
pub fn generate() -> Result<Pair> {
    vapid::generate()
}

/// What browsers subscribe with, of a private key as it stands in the secrets: 65 bytes, uncompressed.
/// INVALID_ARGUMENT if that is no key.
pub fn public_key_of(private_key: &str) -> Result<Vec<u8>> {
    vapid::public_key_of(private_key)
}

impl WebPush {
    pub fn new(settings: &Value, secrets: &Value, common: &Common) -> Result<Self> {
        let settings: Settings = settings::settings(settings)?;
        let secrets: Secrets = settings::secrets(secrets)?;
        let subject = settings.subject.trim().to_owned();
        let reachable = ["mailto:", "https:"].iter().any(|scheme| subject.starts_with(scheme));
        if !reachable || subject.len() > 255 || Url::parse(&subject).is_err() {
            let what = "must be a mailto: or https: URL at which push services reach the sender";
            return Err(Error::invalid("settings.subject", what));
        }
        let key = required("secrets.private_key", secrets.private_key)?;
        Ok(Self {
            common: common.clone(),
            outside: Outside::new(common)?,
            vapid: Vapid::new(subject, &key, common)?,
        })
    }

    /// What browsers subscribe with: 65 bytes, uncompressed P-256.
    pub fn public_key(&self) -> Vec<u8> {
        self.vapid.public_key()
    }

    async fn deliver(&self, push: &Push, target: &Target) -> Result<Outcome, Outcome> {
        let left = time_to_live(push, self.common.now())?;
        let Ok(endpoint) = Url::parse(&target.token) else { return Ok(Outcome::NoToken) };
        let Some(keys) = &target.keys else { return Ok(Outcome::NoToken) };
        let text = fit(push, encrypt::MAX_PLAINTEXT, |title, body| render(push, title, body))?;
        let (Some(ephemeral), Some(salt)) = (vapid::random_key(), vapid::random_bytes()) else {
            return Err(Outcome::later("busy", "no randomness"));
        };
        let Some(body) = encrypt::encrypt(&keys.p256dh, &keys.auth, &text, &ephemeral, salt) else {
            return Ok(Outcome::NoToken);
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.vapid.authorization(&endpoint)?);
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert("ttl", HeaderValue::from(left.min(MAX_TTL)));
        headers.insert("urgency", HeaderValue::from_static("high"));
        if !push.collapse_key.is_empty()
            && let Ok(topic) = HeaderValue::try_from(topic(&push.collapse_key))
        {
            headers.insert("topic", topic);
        }
        let status = self.outside.post(&endpoint, headers, body).await?;
        Ok(self.read(&endpoint, status))
    }

    fn read(&self, endpoint: &Url, status: StatusCode) -> Outcome {
        let said = || detail(status, None);
        match status.as_u16() {
            200..=202 => Outcome::taken(),
            // RFC 8030, 7.3: the subscription is gone.
            404 | 410 => Outcome::TokenDead,
            401 | 403 => {
                self.vapid.discard(endpoint);
                Outcome::refused("credentials", said())
            }
            // Another success is not what was asked for.
            203..=299 => Outcome::later("malformed", said()),
            _ => refusal(status, said()),
        }
    }
}

/// What the service worker of the page gets as `event.data.json()`.
fn render(push: &Push, title: &str, body: &str) -> Value {
    let mut message = json!({ "title": title, "body": body, "data": push.data });
    if let Some(image) = &push.image {
        message["image"] = json!(image);
    }
    if let Some(badge) = push.badge {
        message["badge"] = json!(badge);
    }
    if !push.collapse_key.is_empty() {
        message["tag"] = json!(collapse_id(&push.collapse_key));
    }
    message
}

#[async_trait::async_trait]
impl Provider for WebPush {
    async fn send(&self, pushes: &[(Push, Target)]) -> Vec<Outcome> {
        let tries = pushes.iter().map(|(push, target)| self.deliver(push, target)).collect();
        each(tries, self.common.timeout).await
    }

    /// One message a request, to services of many browsers.
    fn batch(&self) -> usize {
        32
    }
}
