//! The API's description and the page that shows it: `GET /openapi.json`, `GET /docs`.
//!
//! The page is three files of this folder, packed into the binary. It loads nothing from elsewhere, and its
//! browser is told to allow nothing else.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

use crate::config::Settings;
use crate::dialects::chatsdk;
use crate::state::Edge;

/// The page may load its own style, script and description, and be nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The description as JSON, the same for the life of a process.
pub(crate) fn description(settings: &Settings) -> anyhow::Result<Bytes> {
    Ok(serde_json::to_vec(&chatsdk::description(&settings.chatsdk))?.into())
}

/// `/openapi.json`, `/docs` and what the page needs; nothing if `gateway.docs` is off.
pub(crate) fn routes(settings: &Settings) -> Router<Edge> {
    if !settings.gateway.docs {
        return Router::new();
    }
    Router::new()
        .route("/openapi.json", get(json))
        .route("/docs", get(page))
        .route("/docs/page.css", get(style))
        .route("/docs/page.js", get(script))
}

/// `GET /openapi.json`.
async fn json(State(edge): State<Edge>) -> Response {
    file("application/json", edge.description())
}

/// `GET /docs`.
async fn page() -> Response {
    let mut response = file("text/html; charset=utf-8", Bytes::from_static(include_bytes!("page.html")));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

async fn style() -> Response {
    file("text/css; charset=utf-8", Bytes::from_static(include_bytes!("page.css")))
}

async fn script() -> Response {
    file("text/javascript; charset=utf-8", Bytes::from_static(include_bytes!("page.js")))
}

fn file(content_type: &'static str, content: Bytes) -> Response {
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, content_type),
        // Another version of the server has another page.
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content).into_response()
}
