//! The push service of a browser, and the browser: verifies who sends, and decrypts what was sent.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::SecretKey;
use parlance_core::{Clock as _, ManualClock};
use serde_json::Value;

use super::decrypt::decrypt;
use super::{Reply, Script, Server, jwt, keys};

pub const AUTH: [u8; 16] = [42; 16];

pub struct WebPush {
    pub server: Server,
    pub script: Script,
    /// The browser's public key.
    pub p256dh: Vec<u8>,
    state: Arc<Known>,
}

/// A message that passed all checks, whatever the script then said.
#[derive(Debug, Clone)]
pub struct Seen {
    pub ttl: u64,
    pub topic: Option<String>,
    pub urgency: Option<String>,
    pub authorization: String,
    pub body: Vec<u8>,
    pub message: Value,
}

struct Known {
    browser: SecretKey,
    /// What the page subscribed with.
    sender: Vec<u8>,
    clock: Arc<ManualClock>,
    script: Script,
    origin: Mutex<String>,
    seen: Mutex<Vec<Seen>>,
}

impl WebPush {
    /// `sender`: the public key that the page subscribed with.
    pub async fn start(sender: Vec<u8>, clock: Arc<ManualClock>) -> Self {
        let (browser, script) = (keys::p256(9), Script::default());
        let p256dh = keys::point(&browser);
        let state = Arc::new(Known {
            browser,
            sender,
            clock,
            script: script.clone(),
            origin: Mutex::default(),
            seen: Mutex::default(),
        });
        let app = Router::new().route("/push/{subscription}", post(push)).with_state(state.clone());
        let server = Server::plain(app).await;
        *state.origin.lock().unwrap() = server.url();
        Self { server, script, p256dh, state }
    }

    pub fn endpoint(&self) -> String {
        format!("{}/push/subscription-1", self.server.url())
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }
}

async fn push(
    State(known): State<Arc<Known>>,
    Path(_): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match check(&known, &headers, &body) {
        Ok(seen) => {
            known.seen.lock().unwrap().push(seen);
            known
                .script
                .next()
                .unwrap_or_else(|| Reply::new(201, "").header("location", "/message/1"))
                .play()
                .await
        }
        Err((status, why)) => Reply::new(status, why).play().await,
    }
}

fn check(known: &Known, headers: &HeaderMap, body: &[u8]) -> Result<Seen, (u16, &'static str)> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization").ok_or((401, "authorization"))?;
    let (token, key) = authorization
        .strip_prefix("vapid t=")
        .and_then(|text| text.split_once(", k="))
        .ok_or((401, "authorization"))?;
    if key != BASE64_URL_SAFE_NO_PAD.encode(&known.sender) {
        return Err((403, "key"));
    }
    let (_, claims) = jwt::es256(token, &known.sender).ok_or((403, "signature"))?;
    if claims["aud"] != *known.origin.lock().unwrap() {
        return Err((403, "audience"));
    }
    let now = known.clock.now().secs();
    if !claims["exp"].as_i64().is_some_and(|end| now < end && end <= now + 24 * 60 * 60) {
        return Err((403, "expiry"));
    }
    if !claims["sub"].as_str().is_some_and(|sub| sub.starts_with("mailto:")) {
        return Err((403, "subject"));
    }
    if header("content-encoding") != Some("aes128gcm") {
        return Err((415, "content coding"));
    }
    let ttl = header("ttl").and_then(|text| text.parse().ok()).ok_or((400, "TTL"))?;
    let urgency = header("urgency");
    if !urgency.is_none_or(|word| matches!(word, "very-low" | "low" | "normal" | "high")) {
        return Err((400, "urgency"));
    }
    let topic = header("topic");
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !topic.is_none_or(|topic| topic.len() <= 32 && topic.bytes().all(base64url)) {
        return Err((400, "topic"));
    }
    if body.len() > 4096 {
        return Err((413, "size"));
    }
    let text = decrypt(body, &known.browser, &AUTH).ok_or((400, "encryption"))?;
    let message = serde_json::from_slice(&text).map_err(|_| (400, "JSON"))?;
    Ok(Seen {
        ttl,
        topic: topic.map(str::to_owned),
        urgency: urgency.map(str::to_owned),
        authorization: authorization.to_owned(),
        body: body.to_vec(),
        message,
    })
}
