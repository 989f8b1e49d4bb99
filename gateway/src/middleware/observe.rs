//! One span and two metrics per request. Bodies, tokens and query strings stay out of both.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode};
use parlance_rpc::metadata;
use parlance_telemetry::trace::{self, Kind, Span};
use tracing::Instrument;

use super::client_ip::{self, Proxies};
use super::request_id;

/// Gives the request its id (also answered as `X-Request-ID`), a step in its trace (the one that it brings, if a
/// trusted proxy hands it over, otherwise a new one; what is called for it finds the place in `traceparent`, and
/// so does the client), and its place in `parlance_http_requests_total` and `parlance_http_request_seconds`.
pub(crate) async fn observe(
    dialect: &'static str,
    proxies: &Proxies,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let _in_flight = InFlight::begin();
    let id = request_id::of(request.headers());
    let method = method_name(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let mut step = first_step(&request, proxies);
    step.rename(|| format!("{method} {route}"));
    step.set("http.request.method", method);
    if step.is_recording() {
        step.set("http.route", route.clone());
    }
    let place = HeaderValue::from_str(step.traceparent()).ok();
    if let Some(place) = &place {
        request.headers_mut().insert(metadata::TRACEPARENT, place.clone());
    }
    let span = tracing::info_span!(
        "http",
        method,
        route,
        request_id = id,
        status = tracing::field::Empty,
        latency_ms = tracing::field::Empty,
    );
    let answer = request_id::scope(id.clone(), next.run(request).instrument(span.clone()));
    let mut response = trace::within(step.traceparent(), answer).await;

    let status = response.status();
    let elapsed = started.elapsed();
    span.record("status", status.as_u16());
    span.record("latency_ms", elapsed.as_secs_f64() * 1000.0);
    step.set("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        step.fail("server error");
    }
    trace::within(step.traceparent(), async {
        match status.is_server_error() {
            true => tracing::warn!("request failed"),
            false => tracing::debug!("request answered"),
        }
    })
    .instrument(span)
    .await;
    metrics::counter!("parlance_http_requests_total",
        "dialect" => dialect, "route" => route.clone(), "method" => method, "status" => status.as_str().to_owned())
    .increment(1);
    metrics::histogram!("parlance_http_request_seconds",
        "dialect" => dialect, "route" => route, "method" => method, "status" => class(status))
    .record(elapsed.as_secs_f64());
    if let Some(place) = place {
        response.headers_mut().insert(metadata::TRACEPARENT, place);
    }
    if let Some(value) = request_id::value(&id) {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    response
}

/// A step of the trace that a trusted proxy names. From anybody else a trace, and whether to record it, would let
/// the internet decide what we record: such a request begins its own, linked to what it has brought.
fn first_step(request: &Request, proxies: &Proxies) -> Span {
    let sent = request.headers().get(metadata::TRACEPARENT).and_then(|value| value.to_str().ok());
    let sent = sent.unwrap_or_default();
    if proxies.trusts(client_ip::peer(request.extensions())) {
        trace::start(Kind::Server, "HTTP", sent)
    } else {
        trace::start_apart(Kind::Server, "HTTP", sent)
    }
}

/// Counts a request until it is answered or its client has left.
struct InFlight;

impl InFlight {
    fn begin() -> Self {
        metrics::gauge!("parlance_http_in_flight").increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!("parlance_http_in_flight").decrement(1.0);
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        0..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
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
