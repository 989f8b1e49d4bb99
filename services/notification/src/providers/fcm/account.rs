//! The service account: signs for a token of Google's, and keeps it until shortly before it expires.

use std::time::Duration;

use http::{HeaderValue, header};
use parlance_core::{Error, Micros, Result};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::super::http::{by_status, exchange};
use super::super::jwt::Rs256;
use super::super::settings::Secret;
use super::super::{Common, Outcome};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// Google's longest.
const ASSERTION_SECONDS: i64 = 60 * 60;
/// A token is replaced this long before its end, so that none ends under way.
const MARGIN: Duration = Duration::from_secs(5 * 60);

pub(super) struct Account {
    email: String,
    key: Rs256,
    key_id: Option<String>,
    token_uri: Url,
    http: reqwest::Client,
    common: Common,
    /// Held while a token is fetched: whoever needs one meanwhile waits for that one.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    token: Option<(Token, Micros)>,
    /// The last fetch that failed: those who were already waiting for it do not each try again.
    failed: Option<(Instant, Outcome)>,
}

#[derive(Clone, PartialEq)]
pub(super) struct Token(HeaderValue);

impl Token {
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

/// RFC 6749, 5.2.
#[derive(Deserialize)]
struct NotGranted {
    error: String,
}

impl Account {
    pub fn new(
        email: String,
        private_key: &Secret,
        key_id: Option<String>,
        token_uri: Url,
        http: reqwest::Client,
        common: &Common,
    ) -> Result<Self, Error> {
        let key = Rs256::from_pem("secrets.private_key", private_key.expose())?;
        Ok(Self { email, key, key_id, token_uri, http, common: common.clone(), kept: Mutex::default() })
    }

    pub async fn token(&self) -> Result<Token, Outcome> {
        let asked = Instant::now();
        let mut kept = self.kept.lock().await;
        let now = self.common.now();
        if let Some((token, until)) = &kept.token
            && now < *until
        {
            return Ok(token.clone());
        }
        if let Some((at, outcome)) = &kept.failed
            && *at >= asked
        {
            return Err(outcome.clone());
        }
        match self.fetch(now).await {
            Ok((token, until)) => {
                *kept = Kept { token: Some((token.clone(), until)), failed: None };
                Ok(token)
            }
            Err(outcome) => {
                *kept = Kept { token: None, failed: Some((Instant::now(), outcome.clone())) };
                Err(outcome)
            }
        }
    }

    /// Throws `token` away, unless somebody has replaced it already.
    pub async fn discard(&self, token: &Token) {
        let mut kept = self.kept.lock().await;
        if kept.token.as_ref().is_some_and(|(held, _)| held == token) {
            kept.token = None;
        }
    }

    /// RFC 7523: an assertion for a token.
    async fn fetch(&self, now: Micros) -> Result<(Token, Micros), Outcome> {
        let mut head = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = &self.key_id {
            head["kid"] = json!(id);
        }
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri.as_str(),
            "iat": now.secs(),
            "exp": now.secs() + ASSERTION_SECONDS,
        });
        let assertion = self.key.sign(&head, &claims)?;
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("assertion", &assertion)
            .finish();
        let request = self
            .http
            .post(self.token_uri.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        let answer = exchange(request).await?;
        if !answer.status.is_success() {
            let said = serde_json::from_slice::<NotGranted>(&answer.body).ok();
            let code = said.as_ref().map(|said| said.error.as_str());
            return Err(match (answer.status.as_u16(), by_status(&answer, code, now)) {
                // `invalid_grant` and its like: the account, its key, or our clock.
                (400..=403, Outcome::Refused { why }) => Outcome::refused("credentials", why.detail),
                (_, outcome) => outcome,
            });
        }
        let malformed = || Outcome::later("malformed", "the token endpoint's answer");
        let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| malformed())?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", granted.access_token))
            .ok()
            .filter(|_| !granted.access_token.is_empty())
            .ok_or_else(malformed)?;
        header.set_sensitive(true);
        let lasts = Duration::from_secs(granted.expires_in.min(24 * 60 * 60));
        Ok((Token(header), now + lasts.saturating_sub(MARGIN.min(lasts / 10))))
    }
}
