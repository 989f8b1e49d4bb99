use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::loopback::{Loopback, answer};

/// What the push service answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// Takes everything.
    Tickets,
    /// Says of every token that it is not registered any more.
    NotRegistered,
    /// Refuses every notification for good.
    TooBig,
    /// 503.
    Away,
}

/// A notification that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    pub to: String,
    pub title: String,
    pub body: String,
    pub data: Value,
    pub at: SystemTime,
}

/// A push service that speaks Expo's protocol on loopback.
pub struct Expo {
    pub url: String,
    shared: Arc<Shared>,
    _server: Loopback,
}

struct Shared {
    answers: Mutex<Answers>,
    taken: Mutex<Vec<Taken>>,
    /// Requests that were answered, whatever with.
    requests: Mutex<usize>,
}

impl Expo {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            answers: Mutex::new(Answers::Tickets),
            taken: Mutex::default(),
            requests: Mutex::default(),
        });
        let own = shared.clone();
        let server = Loopback::serve(move |request| respond(&own, &request)).await;
        Self { url: server.url.clone(), shared, _server: server }
    }

    pub fn answer(&self, answers: Answers) {
        *self.shared.answers.lock().expect("not poisoned") = answers;
    }

    /// Everything taken so far, in order.
    pub fn taken(&self) -> Vec<Taken> {
        self.shared.taken.lock().expect("not poisoned").clone()
    }

    /// How many were taken so far.
    pub fn count(&self) -> usize {
        self.shared.taken.lock().expect("not poisoned").len()
    }

    /// What was taken for one token.
    pub fn to(&self, token: &str) -> Vec<Taken> {
        self.taken().into_iter().filter(|taken| taken.to == token).collect()
    }

    pub fn requests(&self) -> usize {
        *self.shared.requests.lock().expect("not poisoned")
    }
}

fn respond(shared: &Shared, request: &Request<Bytes>) -> Response<Full<Bytes>> {
    let answers = *shared.answers.lock().expect("not poisoned");
    *shared.requests.lock().expect("not poisoned") += 1;
    let (status, body) = match (request.uri().path(), answers) {
        (_, Answers::Away) => (503, json!({"errors": []})),
        ("/--/api/v2/push/send", answers) => (200, tickets(shared, request.body(), answers)),
        ("/--/api/v2/push/getReceipts", _) => (200, receipts(request.body())),
        _ => (404, json!({"errors": [{"code": "NOT_FOUND", "message": "no such path"}]})),
    };
    answer(status, "application/json", body.to_string())
}

/// One ticket for each message of a request.
fn tickets(shared: &Shared, body: &[u8], answers: Answers) -> Value {
    let messages = match serde_json::from_slice(body) {
        Ok(Value::Array(messages)) => messages,
        Ok(one @ Value::Object(_)) => vec![one],
        _ => return json!({"errors": [{"code": "VALIDATION_ERROR", "message": "not a list of messages"}]}),
    };
    let ticket = |message: &Value| {
        let error = match answers {
            Answers::NotRegistered => "DeviceNotRegistered",
            Answers::TooBig => "MessageTooBig",
            Answers::Tickets | Answers::Away => {
                let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
                shared.taken.lock().expect("not poisoned").push(Taken {
                    to: text("to"),
                    title: text("title"),
                    body: text("body"),
                    data: message["data"].clone(),
                    at: SystemTime::now(),
                });
                return json!({"status": "ok", "id": uuid::Uuid::new_v4()});
            }
        };
        json!({"status": "error", "message": error, "details": {"error": error}})
    };
    json!({"data": messages.iter().map(ticket).collect::<Vec<_>>()})
}

/// Everything was delivered.
fn receipts(body: &[u8]) -> Value {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let ids = asked["ids"].as_array().cloned().unwrap_or_default();
    let ok = |id: &Value| (id.as_str().unwrap_or_default().to_owned(), json!({"status": "ok"}));
    json!({"data": ids.iter().map(ok).collect::<serde_json::Map<_, _>>()})
}
