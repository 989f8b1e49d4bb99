//! Apple Push Notification service, HTTP/2 with provider tokens.

mod answer;
mod message;
mod token;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header;
use parlance_core::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use self::token::ProviderToken;
use super::fit::collapse_id;
use super::http::{Answer, each, exchange, time_to_live};
use super::settings::{self, base_url, join, name, required};
use super::{Common, Outcome, Provider, Push, Target};

const PRODUCTION: &str = "https://api.push.apple.com";
const SANDBOX: &str = "https://api.sandbox.push.apple.com";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    team_id: String,
    key_id: String,
    topic: String,
    #[serde(default)]
    environment: Environment,
    sound: Option<String>,
    base_url: Option<String>,
    root_ca: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum Environment {
    #[default]
    Production,
    Sandbox,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    private_key: Option<settings::Secret>,
}

pub struct Apns {
    common: Common,
    http: reqwest::Client,
    base: Url,
    topic: String,
    sound: String,
    token: ProviderToken,
    /// Apple has taken a push: environment and topic are those of the app.
    fits: AtomicBool,
}

impl Apns {
    pub fn new(settings: &Value, secrets: &Value, common: &Common) -> Result<Self> {
        let settings: Settings = settings::settings(settings)?;
        let secrets: Secrets = settings::secrets(secrets)?;
        let default = match settings.environment {
            Environment::Production => PRODUCTION,
            Environment::Sandbox => SANDBOX,
        };
        let base = base_url("settings.base_url", settings.base_url.as_deref(), default, common)?;
        if base.scheme() != "https" {
            return Err(Error::invalid("settings.base_url", "must be an https URL"));
        }
        let key = required("secrets.private_key", secrets.private_key)?;
        let token = ProviderToken::new(
            name("settings.team_id", &settings.team_id)?,
            name("settings.key_id", &settings.key_id)?,
            &key,
            common,
        )?;
        // Apple speaks nothing else, so nothing else is offered.
        let client = || {
            super::client(common.timeout, common.allow_private_networks)
                .http2_prior_knowledge()
                .http2_keep_alive_while_idle(true)
                .pool_idle_timeout(Duration::from_secs(60 * 60))
        };
        Ok(Self {
            common: common.clone(),
            http: super::make(client, settings.root_ca.as_deref())?,
            base,
            topic: name("settings.topic", &settings.topic)?,
            sound: settings.sound.unwrap_or_else(|| "default".to_owned()),
            token,
            fits: AtomicBool::new(false),
        })
    }

    async fn deliver(&self, push: &Push, target: &Target) -> Result<Outcome, Outcome> {
        time_to_live(push, self.common.now())?;
        // Apple gives out hexadecimal digits; anything else is a bad device token, and no path.
        let hex = (1..=400).contains(&target.token.len())
            && target.token.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !hex {
            return Ok(Outcome::NoToken);
        }
        let url = join(&self.base, ["3", "device", &target.token]);
        let body = Bytes::from(message::render(push, &self.sound)?);
        let token = self.token.get()?;
        let mut answer = self.post(&url, &token, push, body.clone()).await?;
        if answer::token_expired(&answer) {
            self.token.discard(&token);
            answer = self.post(&url, &self.token.get()?, push, body).await?;
        }
        let outcome = answer::read(&answer, self.fits.load(Ordering::Relaxed), self.common.now());
        if outcome == Outcome::taken() {
            self.fits.store(true, Ordering::Relaxed);
        }
        Ok(outcome)
    }

    async fn post(
        &self,
        url: &Url,
        token: &http::HeaderValue,
        push: &Push,
        body: Bytes,
    ) -> Result<Answer, Outcome> {
        let mut request = self
            .http
            .post(url.clone())
            .header(header::AUTHORIZATION, token.clone())
            .header("apns-topic", &self.topic)
            .header("apns-push-type", "alert")
            .header("apns-priority", "10")
            .header("apns-expiration", push.expires_at.secs())
            .header("apns-id", push.id.hyphenated().to_string())
            .body(body);
        if !push.collapse_key.is_empty() {
            request = request.header("apns-collapse-id", &*collapse_id(&push.collapse_key));
        }
        exchange(request).await
    }
}

#[async_trait::async_trait]
impl Provider for Apns {
    async fn send(&self, pushes: &[(Push, Target)]) -> Vec<Outcome> {
        let tries = pushes.iter().map(|(push, target)| self.deliver(push, target)).collect();
        each(tries, self.common.timeout).await
    }

    /// APNs takes one notification a request; they share a connection.
    fn batch(&self) -> usize {
        64
    }
}
