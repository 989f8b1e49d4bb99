//! Expo's push API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Map, Value, json};

use super::{Reply, Script, Server};

pub const ACCESS_TOKEN: &str = "expo-access-token";

pub struct Expo {
    pub server: Server,
    pub send: Script,
    pub receipts: Script,
    state: Arc<Known>,
}

#[derive(Default)]
struct Known {
    send: Script,
    receipts: Script,
    /// What a token's ticket says instead of "ok".
    faults: Mutex<BTreeMap<String, Value>>,
    /// Messages to these make Expo refuse the whole request.
    poison: Mutex<Vec<String>>,
    projects: Mutex<BTreeMap<String, String>>,
    /// Requests that passed all checks.
    seen: Mutex<Vec<Vec<Value>>>,
    delivered: Mutex<BTreeMap<String, Value>>,
}

impl Expo {
    pub async fn start() -> Self {
        let (send, receipts) = (Script::default(), Script::default());
        let state = Arc::new(Known { send: send.clone(), receipts: receipts.clone(), ..Known::default() });
        let app = Router::new()
            .route("/--/api/v2/push/send", post(messages))
            .route("/--/api/v2/push/getReceipts", post(get_receipts))
            .with_state(state.clone());
        Self { server: Server::plain(app).await, send, receipts, state }
    }

    pub fn fault(&self, token: &str, error: &str) {
        let ticket = json!({ "status": "error", "message": token, "details": { "error": error } });
        self.state.faults.lock().unwrap().insert(token.to_owned(), ticket);
    }

    pub fn poison(&self, token: &str) {
        self.state.poison.lock().unwrap().push(token.to_owned());
    }

    /// All other tokens are of "@example/chat".
    pub fn belongs_to(&self, token: &str, project: &str) {
        self.state.projects.lock().unwrap().insert(token.to_owned(), project.to_owned());
    }

    pub fn receipt(&self, id: &str, receipt: Value) {
        self.state.delivered.lock().unwrap().insert(id.to_owned(), receipt);
    }

    pub fn seen(&self) -> Vec<Vec<Value>> {
        self.state.seen.lock().unwrap().clone()
    }
}

/// The ticket of a token that is taken.
pub fn ticket_of(token: &str) -> String {
    format!("receipt-of-{}", token.trim_start_matches("ExponentPushToken[").trim_end_matches(']'))
}

pub fn request_error(status: u16, code: &str, details: Value) -> Reply {
    Reply::json(status, json!({ "errors": [{ "code": code, "message": "quotes", "details": details }] }))
}

fn authorized(headers: &HeaderMap) -> Result<(), Reply> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("authorization") != Some(&format!("Bearer {ACCESS_TOKEN}")) {
        return Err(request_error(401, "UNAUTHORIZED", json!(null)));
    }
    if header("content-type") != Some("application/json") {
        return Err(request_error(400, "VALIDATION_ERROR", json!(null)));
    }
    Ok(())
}

async fn messages(State(known): State<Arc<Known>>, headers: HeaderMap, body: Bytes) -> Response {
    match check(&known, &headers, &body) {
        Err(reply) => reply.play().await,
        Ok(messages) => {
            known.seen.lock().unwrap().push(messages.clone());
            if let Some(reply) = known.send.next() {
                return reply.play().await;
            }
            let faults = known.faults.lock().unwrap().clone();
            let ticket = |message: &Value| {
                let to = message["to"].as_str().unwrap();
                faults.get(to).cloned().unwrap_or_else(|| json!({ "status": "ok", "id": ticket_of(to) }))
            };
            let tickets: Vec<_> = messages.iter().map(ticket).collect();
            Reply::json(200, json!({ "data": tickets })).play().await
        }
    }
}

fn check(known: &Known, headers: &HeaderMap, body: &[u8]) -> Result<Vec<Value>, Reply> {
    authorized(headers)?;
    let invalid = || request_error(400, "VALIDATION_ERROR", json!(null));
    let messages: Vec<Value> = serde_json::from_slice(body).map_err(|_| invalid())?;
    if messages.len() > 100 {
        return Err(request_error(400, "PUSH_TOO_MANY_NOTIFICATIONS", json!(null)));
    }
    let keys = [
        "to",
        "title",
        "body",
        "data",
        "sound",
        "priority",
        "expiration",
        "badge",
        "channelId",
        "richContent",
        "tag",
        "collapseId",
    ];
    let mut projects: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in &messages {
        let object = message.as_object().ok_or_else(invalid)?;
        let to =
            message["to"].as_str().filter(|to| to.starts_with("ExponentPushToken[") && to.ends_with(']'));
        let to = to.ok_or_else(invalid)?;
        let whole = message["expiration"].is_i64() && message["priority"] == "high";
        let poisoned = known.poison.lock().unwrap().iter().any(|poison| poison == to);
        if !whole || poisoned || object.keys().any(|key| !keys.contains(&key.as_str())) {
            return Err(invalid());
        }
        let project = known.projects.lock().unwrap().get(to).cloned();
        projects.entry(project.unwrap_or_else(|| "@example/chat".into())).or_default().push(to.to_owned());
    }
    if projects.len() > 1 {
        return Err(request_error(400, "PUSH_TOO_MANY_EXPERIENCE_IDS", json!(projects)));
    }
    Ok(messages)
}

async fn get_receipts(State(known): State<Arc<Known>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(reply) = authorized(&headers) {
        return reply.play().await;
    }
    let ids: Vec<String> = match serde_json::from_slice::<Value>(&body) {
        Ok(body) => serde_json::from_value(body["ids"].clone()).unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    if ids.is_empty() || ids.len() > 1_000 {
        return request_error(400, "PUSH_TOO_MANY_RECEIPTS", json!(null)).play().await;
    }
    if let Some(reply) = known.receipts.next() {
        return reply.play().await;
    }
    let data: Map<String, Value> = {
        let delivered = known.delivered.lock().unwrap();
        ids.iter().filter_map(|id| Some((id.clone(), delivered.get(id)?.clone()))).collect()
    };
    Reply::json(200, json!({ "data": data })).play().await
}
