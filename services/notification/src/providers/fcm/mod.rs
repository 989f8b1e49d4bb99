//! Firebase Cloud Messaging, HTTP v1.

mod account;
mod answer;
mod message;

use bytes::Bytes;
use http::header;
use parlance_core::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use self::account::Account;
use self::answer::Verdict;
use super::http::{Answer, by_status, each, exchange, time_to_live};
use super::settings::{self, base_url, join, name, required};
use super::{Common, Outcome, Provider, Push, Target};

const BASE_URL: &str = "https://fcm.googleapis.com";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    project_id: Option<String>,
    android_channel_id: Option<String>,
    base_url: Option<String>,
    token_uri: Option<String>,
    root_ca: Option<String>,
}

/// The file that Google gives out for a service account, as it is; what is not needed of it is not read.
#[derive(Deserialize)]
struct Secrets {
    client_email: Option<String>,
    private_key: Option<settings::Secret>,
    private_key_id: Option<String>,
    project_id: Option<String>,
    token_uri: Option<String>,
}

pub struct Fcm {
    common: Common,
    http: reqwest::Client,
    send_url: Url,
    account: Account,
    android_channel_id: Option<String>,
}

impl Fcm {
    pub fn new(settings: &Value, secrets: &Value, common: &Common) -> Result<Self> {
        let settings: Settings = settings::settings(settings)?;
        let secrets: Secrets = settings::secrets(secrets)?;
        let project = settings
            .project_id
            .or(secrets.project_id)
            .ok_or_else(|| Error::invalid("settings.project_id", "is required"))?;
        let project = name("settings.project_id", &project)?;
        let base = base_url("settings.base_url", settings.base_url.as_deref(), BASE_URL, common)?;
        let send_url = join(&base, ["v1", "projects", &project, "messages:send"]);
        let (field, token_uri) = match (settings.token_uri, secrets.token_uri) {
            (Some(uri), _) => ("settings.token_uri", Some(uri)),
            (None, uri) => ("secrets.token_uri", uri),
        };
        let token_uri = base_url(field, token_uri.as_deref(), TOKEN_URI, common)?;
        let email =
            secrets.client_email.ok_or_else(|| Error::invalid("secrets.client_email", "is required"))?;
        let email = name("secrets.client_email", &email)?;
        let key = required("secrets.private_key", secrets.private_key)?;
        let http = common.client(settings.root_ca.as_deref())?;
        let account = Account::new(email, &key, secrets.private_key_id, token_uri, http.clone(), common)?;
        Ok(Self {
            common: common.clone(),
            http,
            send_url,
            account,
            android_channel_id: settings.android_channel_id,
        })
    }

    async fn deliver(&self, push: &Push, target: &Target) -> Result<Outcome, Outcome> {
        let now = self.common.now();
        let left = time_to_live(push, now)?;
        let body = message::render(push, &target.token, left, self.android_channel_id.as_deref())?;
        let answer = self.post(body).await?;
        match answer::read(&answer, self.common.now()) {
            Verdict::Clear(outcome) => Ok(outcome),
            // FCM says "invalid argument" of a token that it never gave out and of a message that it does not
            // like. A message of which only the token is left, checked and not sent, tells which it was.
            Verdict::TokenOrMessage(refused) => {
                let probe = self.post(message::probe(&target.token)).await?;
                Ok(match answer::read(&probe, self.common.now()) {
                    Verdict::TokenOrMessage(_) => Outcome::TokenDead,
                    Verdict::Clear(dead @ Outcome::TokenDead) => dead,
                    Verdict::Clear(later @ Outcome::Later { .. }) => later,
                    Verdict::Clear(_) => refused,
                })
            }
        }
    }

    /// A token that Google does not take any more is replaced once.
    async fn post(&self, body: Vec<u8>) -> Result<Answer, Outcome> {
        let body = Bytes::from(body);
        let first = self.account.token().await?;
        let answer = self.post_with(&first, body.clone()).await?;
        if !answer::token_refused(&answer) {
            return Ok(answer);
        }
        self.account.discard(&first).await;
        let second = self.account.token().await?;
        let answer = self.post_with(&second, body).await?;
        if answer::token_refused(&answer) {
            self.account.discard(&second).await;
            return Err(by_status(&answer, Some("UNAUTHENTICATED"), self.common.now()));
        }
        Ok(answer)
    }

    async fn post_with(&self, token: &account::Token, body: Bytes) -> Result<Answer, Outcome> {
        let request = self
            .http
            .post(self.send_url.clone())
            .header(header::AUTHORIZATION, token.header())
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        exchange(request).await
    }
}

#[async_trait::async_trait]
impl Provider for Fcm {
    async fn send(&self, pushes: &[(Push, Target)]) -> Vec<Outcome> {
        let tries = pushes.iter().map(|(push, target)| self.deliver(push, target)).collect();
        each(tries, self.common.timeout).await
    }

    /// FCM takes one message a request; they share a connection.
    fn batch(&self) -> usize {
        64
    }
}
