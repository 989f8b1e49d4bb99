//! A site that listens here.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Response, Uri, header};

/// A running site.
pub struct Web {
    pub port: u16,
    requests: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

impl Web {
    /// `answer` is given path and query.
    pub async fn start<F>(answer: impl Fn(String) -> F + Clone + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<Body>> + Send,
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = Self { port: listener.local_addr().unwrap().port(), requests: Arc::default() };
        let requests = web.requests.clone();
        let router = Router::new().fallback(async move |uri: Uri, headers: HeaderMap| {
            let path = uri.path_and_query().unwrap().to_string();
            requests.lock().unwrap().push((path.clone(), headers));
            answer(path).await
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        web
    }

    /// Every path leads to this page.
    pub async fn page(html: &str) -> Self {
        let html = html.to_owned();
        Self::start(move |_| std::future::ready(page(&html))).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The same under a name.
    pub fn named(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// Paths and queries that were asked for.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }

    pub fn headers(&self) -> HeaderMap {
        self.requests.lock().unwrap()[0].1.clone()
    }
}

pub fn page(html: &str) -> Response<Body> {
    answer(200, "text/html; charset=utf-8", html.as_bytes())
}

pub fn json(text: &str) -> Response<Body> {
    answer(200, "application/json", text.as_bytes())
}

pub fn answer(status: u16, content_type: &str, body: &[u8]) -> Response<Body> {
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, content_type);
    response.body(Body::from(body.to_vec())).unwrap()
}

pub fn redirect(to: &str) -> Response<Body> {
    Response::builder().status(302).header(header::LOCATION, to).body(Body::empty()).unwrap()
}
