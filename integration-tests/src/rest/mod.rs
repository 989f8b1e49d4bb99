//! A REST client that is on the test's side: every answer is held against the rules that all
//! endpoints share (the error envelope, no 5xx, times in `Z`), so that no scenario can overlook them.

mod answer;
mod user;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

pub use answer::Answer;
pub use user::User;

/// Requests to one server with fixed credentials. Cheap to clone; the `with_`/`without_` methods
/// answer a changed copy.
#[derive(Clone, Debug)]
pub struct Rest {
    http: Client,
    bases: Arc<[String]>,
    next: Arc<AtomicUsize>,
    key: Option<String>,
    token: Option<String>,
    headers: Vec<(String, String)>,
    tolerant: bool,
}

impl Rest {
    pub fn new(http: Client, base: String) -> Self {
        Self::alternating(http, vec![base])
    }

    /// Requests go to one of the servers after the other.
    pub fn alternating(http: Client, bases: Vec<String>) -> Self {
        let (bases, next) = (bases.into(), Arc::default());
        Self { http, bases, next, key: None, token: None, headers: Vec::new(), tolerant: false }
    }

    /// The same client on one server alone.
    pub fn only_on(mut self, base: &str) -> Self {
        self.bases = [base.to_owned()].into();
        self
    }

    /// Plain HTTP/1.1 with keep-alive; follows no redirects, decodes gzip.
    pub fn http_client() -> Client {
        parlance_fetch::tls::install();
        Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .no_proxy()
            .build()
            .expect("a plain HTTP client")
    }

    pub fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    pub fn without_key(mut self) -> Self {
        self.key = None;
        self
    }

    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub fn without_token(mut self) -> Self {
        self.token = None;
        self
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets 5xx answers and broken connections through, for tests of faults.
    pub fn tolerant(mut self) -> Self {
        self.tolerant = true;
        self
    }

    /// The server whose turn it is, without a trailing slash.
    pub fn base(&self) -> &str {
        &self.bases[self.next.fetch_add(1, Ordering::Relaxed) % self.bases.len()]
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::POST, path, Some(body)).await
    }

    /// POST without a body.
    pub async fn post_empty(&self, path: &str) -> Answer {
        self.request(Method::POST, path, None).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, None).await
    }

    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.try_request(method, path, body).await.unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// Like [`Rest::request`], for servers that may die under it.
    pub async fn try_request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.build(method.clone(), path);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.finish(request, format!("{method} {path}")).await
    }

    /// A body that need not be JSON.
    pub async fn raw(&self, method: Method, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let request = self.build(method.clone(), path).header("content-type", content_type).body(body);
        self.finish(request, format!("{method} {path}")).await.unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// A request with this client's credentials, to be completed by the caller.
    pub fn build(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base()));
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request
    }

    async fn finish(&self, request: RequestBuilder, what: String) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let answer = Answer::new(what, status, headers, text);
        if !self.tolerant {
            answer.check_shared_rules();
        }
        Ok(answer)
    }
}
