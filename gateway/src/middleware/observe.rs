//! One span and two metrics per request. Bodies, tokens and query strings stay out of both.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, Method};
use parlance_core::Caller;
use parlance_rpc::{Context, metadata};
use tracing::Instrument;
use uuid::Uuid;

use super::request_id;

/// Gives the request its id (also answered as `X-Request-ID`), a trace (its own `traceparent`, or a
/// new one that extractors find in its place), a span, and its place in `parlance_http_requests_total`
/// and `parlance_http_request_seconds`.
pub(crate) async fn observe(dialect: &'static str, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let trace = continue_trace(&mut request);
    let id = request_id::of(request.headers());
    let method = method_name(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!(
        "http",
        method,
        route,
        request_id = id,
        trace_id = trace.get(3..35),
        status = tracing::field::Empty,
        latency_ms = tracing::field::Empty,
    );
    let mut response = request_id::scope(id.clone(), next.run(request).instrument(span.clone())).await;

    let status = response.status();
    let elapsed = started.elapsed();
    span.record("status", status.as_u16());
    span.record("latency_ms", elapsed.as_secs_f64() * 1000.0);
    span.in_scope(|| match status.is_server_error() {
        true => tracing::warn!("request failed"),
        false => tracing::debug!("request answered"),
    });
    metrics::counter!("parlance_http_requests_total",
        "dialect" => dialect, "route" => route.clone(), "method" => method, "status" => status.as_str().to_owned())
    .increment(1);
    metrics::histogram!("parlance_http_request_seconds",
        "dialect" => dialect, "route" => route, "method" => method)
    .record(elapsed.as_secs_f64());
    if let Some(value) = request_id::value(&id) {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    response
}

/// The trace that the request belongs to from here on.
fn continue_trace(request: &mut Request) -> String {
    let sent = request.headers().get(metadata::TRACEPARENT).and_then(|value| value.to_str().ok());
    let trace = Context::new(Caller::service(Uuid::nil())).with_trace(sent).trace;
    if let Ok(value) = HeaderValue::from_str(&trace) {
        request.headers_mut().insert(metadata::TRACEPARENT, value);
    }
    trace
}

/// Methods as labels: a closed set, whatever clients make up.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::HEAD => "HEAD",
        _ => "OTHER",
    }
}
