//! Answers that a test wants instead of the ordinary ones, in order. A request is checked first: what is wrong
//! is refused whatever the script says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::response::{IntoResponse, Response};
use serde_json::Value;

pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    hangs: bool,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), hangs: false }
    }

    pub fn json(status: u16, body: Value) -> Self {
        Self::new(status, body.to_string()).header("content-type", "application/json")
    }

    /// Never comes.
    pub fn hangs() -> Self {
        Self { hangs: true, ..Self::new(200, "") }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub async fn play(self) -> Response {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        let mut response = self.body.into_response();
        *response.status_mut() = self.status.try_into().unwrap();
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    }
}

#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<VecDeque<Reply>>>);

impl Script {
    pub fn then(&self, reply: Reply) -> &Self {
        self.0.lock().unwrap().push_back(reply);
        self
    }

    pub fn next(&self) -> Option<Reply> {
        self.0.lock().unwrap().pop_front()
    }
}
