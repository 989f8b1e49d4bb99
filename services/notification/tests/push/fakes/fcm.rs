//! Google's token endpoint and FCM.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use parlance_core::{Clock as _, ManualClock};
use serde_json::{Value, json};

use super::{Reply, Script, Server, jwt};

pub const PROJECT: &str = "example-project";
pub const EMAIL: &str = "push@example-project.iam.gserviceaccount.com";
pub const KEY_ID: &str = "key-1";
pub const TOKEN_SECONDS: i64 = 3599;

pub struct Fcm {
    pub server: Server,
    /// What `messages:send` and the token endpoint say instead.
    pub send: Script,
    pub tokens: Script,
    state: Arc<Known>,
}

struct Known {
    clock: Arc<ManualClock>,
    send: Script,
    tokens: Script,
    /// Set when the address is known.
    token_uri: Mutex<String>,
    /// OAuth tokens and their ends.
    issued: Mutex<Vec<(String, i64)>>,
    /// Registration tokens that were never given out.
    strange: Mutex<BTreeSet<String>>,
    seen: Mutex<Vec<Value>>,
    probes: Mutex<Vec<String>>,
}

impl Fcm {
    pub async fn start(clock: Arc<ManualClock>) -> Self {
        let (send, tokens) = (Script::default(), Script::default());
        let state = Arc::new(Known {
            clock,
            send: send.clone(),
            tokens: tokens.clone(),
            token_uri: Mutex::default(),
            issued: Mutex::default(),
            strange: Mutex::default(),
            seen: Mutex::default(),
            probes: Mutex::default(),
        });
        let app = Router::new()
            .route("/token", post(token))
            .route("/v1/projects/{project}/{call}", post(message))
            .with_state(state.clone());
        let server = Server::plain(app).await;
        *state.token_uri.lock().unwrap() = format!("{}/token", server.url());
        Self { server, send, tokens, state }
    }

    pub fn token_uri(&self) -> String {
        self.state.token_uri.lock().unwrap().clone()
    }

    /// Messages that passed all checks, whatever the script then said.
    pub fn seen(&self) -> Vec<Value> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Tokens that were asked for with `validate_only`.
    pub fn probes(&self) -> Vec<String> {
        self.state.probes.lock().unwrap().clone()
    }

    pub fn issued(&self) -> usize {
        self.state.issued.lock().unwrap().len()
    }

    /// Takes back all OAuth tokens.
    pub fn revoke(&self) {
        for issued in &mut *self.state.issued.lock().unwrap() {
            issued.1 = 0;
        }
    }

    pub fn does_not_know(&self, token: &str) {
        self.state.strange.lock().unwrap().insert(token.to_owned());
    }
}

async fn token(State(known): State<Arc<Known>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(wrong) = check_assertion(&known, &headers, &body) {
        let body = json!({ "error": "invalid_grant", "error_description": wrong });
        return Reply::json(400, body).play().await;
    }
    if let Some(reply) = known.tokens.next() {
        return reply.play().await;
    }
    let token = {
        let mut issued = known.issued.lock().unwrap();
        let token = format!("ya29.test-{}", issued.len());
        issued.push((token.clone(), known.clock.now().secs() + TOKEN_SECONDS));
        token
    };
    let body = json!({ "access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer" });
    Reply::json(200, body).play().await
}

fn check_assertion(known: &Known, headers: &HeaderMap, body: &[u8]) -> Result<(), &'static str> {
    if headers.get("content-type").is_none_or(|kind| kind != "application/x-www-form-urlencoded") {
        return Err("content type");
    }
    let fields: Vec<_> = url::form_urlencoded::parse(body).collect();
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref());
    if field("grant_type") != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
        return Err("grant type");
    }
    let (head, claims) = jwt::rs256(field("assertion").ok_or("assertion")?).ok_or("signature")?;
    if head.kid.as_deref() != Some(KEY_ID) {
        return Err("key id");
    }
    if claims["iss"] != EMAIL {
        return Err("issuer");
    }
    if claims["aud"] != *known.token_uri.lock().unwrap() {
        return Err("audience");
    }
    if claims["scope"] != "https://www.googleapis.com/auth/firebase.messaging" {
        return Err("scope");
    }
    let now = known.clock.now().secs();
    let (made, ends) = (claims["iat"].as_i64().ok_or("iat")?, claims["exp"].as_i64().ok_or("exp")?);
    if made > now || ends <= now || ends - made > 3600 {
        return Err("times");
    }
    Ok(())
}

async fn message(
    State(known): State<Arc<Known>>,
    Path((project, call)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match check_message(&known, &project, &call, &headers, &body) {
        Err(reply) => reply.play().await,
        Ok(answer) => match known.send.next() {
            Some(reply) => reply.play().await,
            None => answer.play().await,
        },
    }
}

pub fn error(status: u16, code: &str, details: Value) -> Reply {
    let error = json!({ "code": status, "message": "quotes the token", "status": code, "details": details });
    Reply::json(status, json!({ "error": error }))
}

pub fn fcm_error(status: u16, code: &str, fcm: &str) -> Reply {
    let kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
    error(status, code, json!([{ "@type": kind, "errorCode": fcm }]))
}

pub fn bad_field(field: &str) -> Reply {
    let kind = "type.googleapis.com/google.rpc.BadRequest";
    let violations = json!([{ "field": field, "description": "wrong" }]);
    error(400, "INVALID_ARGUMENT", json!([{ "@type": kind, "fieldViolations": violations }]))
}

fn check_message(
    known: &Known,
    project: &str,
    call: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reply, Reply> {
    if project != PROJECT || call != "messages:send" {
        return Err(error(404, "NOT_FOUND", json!([])));
    }
    let bearer = headers.get("authorization").and_then(|text| text.to_str().ok()?.strip_prefix("Bearer "));
    let now = known.clock.now().secs();
    let valid =
        known.issued.lock().unwrap().iter().any(|(token, end)| Some(&**token) == bearer && now < *end);
    if !valid {
        return Err(error(401, "UNAUTHENTICATED", json!([])));
    }
    if body.len() > 5000 {
        return Err(bad_field("message"));
    }
    let request: Value = serde_json::from_slice(body).map_err(|_| bad_field(""))?;
    check_keys("", &request, &["message", "validate_only"])?;
    let message = &request["message"];
    check_keys("message", message, &["token", "notification", "data", "android", "apns", "webpush"])?;
    let android = ["priority", "ttl", "collapse_key", "notification"];
    check_keys("message.android", &message["android"], &android)?;
    let notification = ["tag", "notification_count", "channel_id"];
    check_keys("message.android.notification", &message["android"]["notification"], &notification)?;
    check_keys("message.apns", &message["apns"], &["headers", "payload"])?;
    check_keys("message.webpush", &message["webpush"], &["headers", "notification"])?;
    for map in [&message["data"], &message["apns"]["headers"], &message["webpush"]["headers"]] {
        if map.as_object().is_some_and(|map| map.values().any(|value| !value.is_string())) {
            return Err(bad_field("message.data[0].value"));
        }
    }
    if message["data"].get("from").is_some() {
        return Err(fcm_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"));
    }
    let ttl = message["android"]["ttl"].as_str();
    if ttl.is_some_and(|ttl| ttl.strip_suffix('s').is_none_or(|number| number.parse::<u32>().is_err())) {
        return Err(bad_field("message.android.ttl"));
    }
    let token = message["token"].as_str().ok_or_else(|| bad_field("message.token"))?;
    if known.strange.lock().unwrap().contains(token) {
        if request["validate_only"] == true {
            known.probes.lock().unwrap().push(token.to_owned());
        }
        return Err(fcm_error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"));
    }
    if request["validate_only"] == true {
        known.probes.lock().unwrap().push(token.to_owned());
        return Ok(Reply::json(
            200,
            json!({ "name": format!("projects/{PROJECT}/messages/fake_message_id") }),
        ));
    }
    let mut seen = known.seen.lock().unwrap();
    seen.push(message.clone());
    Ok(Reply::json(200, json!({ "name": format!("projects/{PROJECT}/messages/{}", seen.len()) })))
}

fn check_keys(place: &str, value: &Value, known: &[&str]) -> Result<(), Reply> {
    let Some(object) = value.as_object() else { return Ok(()) };
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(bad_field(&format!("{place}.{key}"))),
        None => Ok(()),
    }
}
