//! Novu's REST API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Reply, Script, Server};

pub const API_KEY: &str = "novu-api-key";
pub const WORKFLOW: &str = "chat-message";

pub struct Novu {
    pub server: Server,
    /// What is said instead to the next trigger.
    pub triggers: Script,
    /// What is said instead to the next call of anything.
    pub calls: Script,
    state: Arc<Known>,
}

type Tokens = BTreeMap<String, Vec<String>>;

#[derive(Default)]
struct Known {
    triggers: Script,
    calls: Script,
    integrations: Mutex<BTreeSet<String>>,
    subscribers: Mutex<BTreeMap<String, Tokens>>,
    /// By transaction id: what each device got.
    triggered: Mutex<BTreeMap<String, Value>>,
    /// Method and path of every call, in order.
    log: Mutex<Vec<String>>,
}

impl Novu {
    pub async fn start() -> Self {
        let (triggers, calls) = (Script::default(), Script::default());
        let state = Arc::new(Known {
            triggers: triggers.clone(),
            calls: calls.clone(),
            integrations: Mutex::new(["fcm", "apns", "expo"].map(str::to_owned).into()),
            ..Known::default()
        });
        let app = Router::new()
            .route("/v1/subscribers", post(upsert))
            .route("/v1/subscribers/{id}", delete(remove))
            .route("/v1/subscribers/{id}/credentials", put(set_tokens))
            .route("/v1/subscribers/{id}/credentials/{provider}", delete(remove_tokens))
            .route("/v1/subscribers/{id}/preferences", get(preferences))
            .route("/v1/subscribers/{id}/preferences/global", get(global_preferences))
            .route("/v1/events/trigger", post(trigger))
            .layer(middleware::from_fn_with_state(state.clone(), guard))
            .with_state(state.clone());
        Self { server: Server::plain(app).await, triggers, calls, state }
    }

    pub fn has_no(&self, integration: &str) {
        self.state.integrations.lock().unwrap().remove(integration);
    }

    /// Puts tokens there as if they had been there long before.
    pub fn holds(&self, id: &str, provider: &str, tokens: &[&str]) {
        let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
        let mut subscribers = self.state.subscribers.lock().unwrap();
        subscribers.entry(id.to_owned()).or_default().insert(provider.to_owned(), tokens);
    }

    pub fn subscribers(&self) -> BTreeMap<String, Tokens> {
        self.state.subscribers.lock().unwrap().clone()
    }

    pub fn triggered(&self) -> BTreeMap<String, Value> {
        self.state.triggered.lock().unwrap().clone()
    }

    /// What was called since the last time this was asked.
    pub fn log(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.log.lock().unwrap())
    }
}

fn problem(status: u16, error: &str) -> Reply {
    Reply::json(status, json!({ "statusCode": status, "error": error, "message": "quotes" }))
}

async fn guard(
    State(known): State<Arc<Known>>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    let key = headers.get("authorization").and_then(|value| value.to_str().ok());
    if key != Some(&format!("ApiKey {API_KEY}")) {
        return problem(401, "Unauthorized").play().await;
    }
    known.log.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
    match known.calls.next() {
        Some(reply) => reply.play().await,
        None => next.run(request).await,
    }
}

fn subscriber(id: &str, tokens: &Tokens) -> Value {
    let channel = |(provider, tokens): (&String, &Vec<String>)| json!({ "providerId": provider, "_integrationId": "i", "credentials": { "deviceTokens": tokens } });
    let channels: Vec<_> = tokens.iter().map(channel).collect();
    json!({ "data": { "_id": "x", "subscriberId": id, "channels": channels } })
}

async fn upsert(State(known): State<Arc<Known>>, Json(body): Json<Value>) -> Response {
    let Some(id) = body["subscriberId"].as_str().filter(|id| !id.is_empty()) else {
        return problem(400, "Bad Request").play().await;
    };
    let body = {
        let mut subscribers = known.subscribers.lock().unwrap();
        subscriber(id, subscribers.entry(id.to_owned()).or_default())
    };
    Reply::json(201, body).play().await
}

async fn remove(State(known): State<Arc<Known>>, Path(id): Path<String>) -> Response {
    let removed = known.subscribers.lock().unwrap().remove(&id);
    match removed {
        Some(_) => Reply::json(200, json!({ "data": { "acknowledged": true, "status": "deleted" } })),
        None => problem(404, "Not Found"),
    }
    .play()
    .await
}

async fn set_tokens(State(known): State<Arc<Known>>, Path(id): Path<String>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let provider = body["providerId"].as_str().unwrap_or_default().to_owned();
    let tokens = serde_json::from_value::<Vec<String>>(body["credentials"]["deviceTokens"].clone());
    let has = known.integrations.lock().unwrap().contains(&provider);
    let reply = match (has, tokens, known.subscribers.lock().unwrap().get_mut(&id)) {
        (true, Ok(tokens), Some(held)) => {
            held.insert(provider, tokens);
            Reply::json(200, subscriber(&id, held))
        }
        (_, Err(_), _) => problem(400, "Bad Request"),
        _ => problem(404, "Not Found"),
    };
    reply.play().await
}

async fn remove_tokens(
    State(known): State<Arc<Known>>,
    Path((id, provider)): Path<(String, String)>,
) -> Response {
    let removed = known.subscribers.lock().unwrap().get_mut(&id).and_then(|held| held.remove(&provider));
    match removed {
        Some(_) => Reply::new(204, ""),
        None => problem(404, "Not Found"),
    }
    .play()
    .await
}

async fn preferences(State(known): State<Arc<Known>>, Path(id): Path<String>) -> Response {
    if !known.subscribers.lock().unwrap().contains_key(&id) {
        return problem(404, "Not Found").play().await;
    }
    let workflow = json!({
        "template": { "_id": "w", "name": WORKFLOW, "critical": false },
        "preference": { "enabled": true, "channels": { "push": true } },
    });
    Reply::json(200, json!({ "data": [workflow] })).play().await
}

async fn global_preferences() -> Response {
    let global = json!({ "preference": { "enabled": true, "channels": { "push": true, "email": false } } });
    Reply::json(200, json!({ "data": [global] })).play().await
}

async fn trigger(State(known): State<Arc<Known>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (Some(name), Some(to), Some(transaction)) =
        (body["name"].as_str(), body["to"]["subscriberId"].as_str(), body["transactionId"].as_str())
    else {
        return problem(400, "Bad Request").play().await;
    };
    if !body["payload"].is_object() || !body["overrides"].is_object() {
        return problem(400, "Bad Request").play().await;
    }
    if name != WORKFLOW {
        return problem(422, "Unprocessable Entity").play().await;
    }
    if let Some(reply) = known.triggers.next() {
        return reply.play().await;
    }
    let tokens = known.subscribers.lock().unwrap().get(to).cloned().unwrap_or_default();
    let sent =
        json!({ "to": to, "tokens": tokens, "payload": body["payload"], "overrides": body["overrides"] });
    // A repeated transaction is dropped.
    known.triggered.lock().unwrap().entry(transaction.to_owned()).or_insert(sent);
    let data = json!({ "acknowledged": true, "status": "processed", "transactionId": transaction });
    Reply::json(201, json!({ "data": data })).play().await
}
