//! Apple's push service.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Version};
use axum::response::Response;
use axum::routing::post;
use parlance_core::{Clock as _, ManualClock};
use serde_json::{Value, json};

use super::{Reply, Script, Server, jwt};

pub const TEAM: &str = "TEAM567890";
pub const KEY_ID: &str = "KEY4567890";
pub const TOPIC: &str = "example.chat";

pub struct Apns {
    pub server: Server,
    /// The certificate that a client has to trust.
    pub root_ca: String,
    pub script: Script,
    state: Arc<Known>,
}

/// A notification that passed all checks, whatever the script then said.
#[derive(Debug, Clone)]
pub struct Seen {
    pub device: String,
    pub id: String,
    pub collapse_id: Option<String>,
    pub expiration: i64,
    pub provider_token: String,
    pub payload: Value,
}

struct Known {
    public_key: Vec<u8>,
    clock: Arc<ManualClock>,
    script: Script,
    seen: Mutex<Vec<Seen>>,
}

impl Apns {
    pub async fn start(public_key: Vec<u8>, clock: Arc<ManualClock>) -> Self {
        let script = Script::default();
        let state = Arc::new(Known { public_key, clock, script: script.clone(), seen: Mutex::default() });
        let app = Router::new().route("/3/device/{device}", post(device)).with_state(state.clone());
        let (server, root_ca) = Server::http2(app).await;
        Self { server, root_ca, script, state }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }
}

async fn device(
    State(known): State<Arc<Known>>,
    Path(device): Path<String>,
    version: Version,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match check(&known, device, version, &headers, &body) {
        Ok(seen) => {
            let id = seen.id.clone();
            known.seen.lock().unwrap().push(seen);
            known.script.next().unwrap_or_else(|| Reply::new(200, "").header("apns-id", id)).play().await
        }
        Err((status, reason)) => Reply::json(status, json!({ "reason": reason })).play().await,
    }
}

fn check(
    known: &Known,
    device: String,
    version: Version,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Seen, (u16, &'static str)> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if version != Version::HTTP_2 {
        return Err((405, "MethodNotAllowed"));
    }
    let token = header("authorization")
        .and_then(|text| text.strip_prefix("bearer "))
        .ok_or((403, "MissingProviderToken"))?;
    let (head, claims) = jwt::es256(token, &known.public_key).ok_or((403, "InvalidProviderToken"))?;
    if head.kid.as_deref() != Some(KEY_ID) || claims["iss"] != TEAM {
        return Err((403, "InvalidProviderToken"));
    }
    let age = claims["iat"].as_i64().map(|made| known.clock.now().secs() - made);
    if !age.is_some_and(|age| (0..3600).contains(&age)) {
        return Err((403, "ExpiredProviderToken"));
    }
    if header("apns-topic") != Some(TOPIC) {
        return Err((400, "TopicDisallowed"));
    }
    if header("apns-push-type") != Some("alert") {
        return Err((400, "InvalidPushType"));
    }
    if !matches!(header("apns-priority"), Some("5" | "10")) {
        return Err((400, "BadPriority"));
    }
    let expiration =
        header("apns-expiration").and_then(|text| text.parse().ok()).ok_or((400, "BadExpirationDate"))?;
    let id = header("apns-id")
        .filter(|text| uuid::Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().to_string() == *text))
        .ok_or((400, "BadMessageId"))?;
    let collapse_id = header("apns-collapse-id");
    if collapse_id.is_some_and(|id| id.len() > 64) {
        return Err((400, "BadCollapseId"));
    }
    let hex = device.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex || device.len() != 64 {
        return Err((400, "BadDeviceToken"));
    }
    if body.len() > 4096 {
        return Err((413, "PayloadTooLarge"));
    }
    let payload: Value = serde_json::from_slice(body).map_err(|_| (400, "PayloadEmpty"))?;
    if !payload["aps"]["alert"]["body"].is_string() {
        return Err((400, "PayloadEmpty"));
    }
    Ok(Seen {
        device,
        id: id.to_owned(),
        collapse_id: collapse_id.map(str::to_owned),
        expiration,
        provider_token: token.to_owned(),
        payload,
    })
}
