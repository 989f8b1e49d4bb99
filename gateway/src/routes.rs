//! Every route of the gateway, and what stands in front of them.

use std::sync::Arc;

use axum::extract::State;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::dialects::chatsdk;
use crate::dialects::chatsdk::error::{Code, Failure};
use crate::docs;
use crate::middleware::{cors::cors, observe::observe, shed::shed};
use crate::page;
use crate::realtime;
use crate::state::Edge;

/// The main listener: REST, realtime, and in development the page to try it. `/ready` and `/metrics` are the binary's.
pub(crate) fn main(edge: Edge) -> Router {
    // Health is answered however busy the process is.
    let room = Arc::new(Semaphore::new(edge.settings().gateway.max_in_flight));
    let dialect = chatsdk::router().layer(from_fn(move |request, next| shed(room.clone(), request, next)));
    let rest =
        dialect.route("/health", get(health)).merge(docs::routes(edge.settings())).merge(page::routes(&edge));
    let rest = guard(rest, &edge);
    // Sockets pass by compression and CORS: they check origins themselves.
    rest.merge(realtime::routes()).with_state(edge)
}

/// The realtime listener: sockets and health.
pub(crate) fn realtime(edge: Edge) -> Router {
    let rest = guard(Router::new().route("/health", get(health)), &edge);
    rest.merge(realtime::routes()).with_state(edge)
}

/// The stack, from the outside in: id, span and metrics of everything; CORS, since refusals must be
/// readable too; compression; panics, so that the layers around see an ordinary answer.
fn guard(routes: Router<Edge>, edge: &Edge) -> Router<Edge> {
    let origins = edge.origins().clone();
    let proxies = Arc::new(edge.proxies().clone());
    routes
        .method_not_allowed_fallback(chatsdk::error::method_not_allowed)
        .fallback(chatsdk::error::unknown_route)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(CompressionLayer::new().gzip(true))
        .layer(from_fn(move |request, next| cors(origins.clone(), request, next)))
        .layer(from_fn(move |request, next| {
            let proxies = proxies.clone();
            async move { observe("chatsdk", &proxies, request, next).await }
        }))
}

/// What was thrown is not for clients; the panic hook has logged it.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    Failure::new(Code::InternalError, "internal error").into_response()
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    timestamp: String,
    /// Seconds since the start.
    uptime: u64,
    version: &'static str,
}

/// `GET /health`: the process serves.
async fn health(State(edge): State<Edge>) -> Json<Health> {
    Json(Health {
        status: "ok",
        timestamp: edge.clock().now().iso_millis(),
        uptime: edge.uptime().as_secs(),
        version: env!("CARGO_PKG_VERSION"),
    })
}
