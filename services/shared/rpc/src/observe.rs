//! How calls show in metrics and traces, from either side.

use std::pin::Pin;
use std::task;
use std::time::Instant;

use http::{HeaderMap, HeaderValue, Request, Response};
use parlance_core::Error;
use parlance_telemetry::trace::{self, Kind, Span};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;

use crate::metadata;
use crate::method::Method;

/// The client's half: a span per call, whose place the request carries on, and
/// `parlance_rpc_client_seconds`. Stands in front of every transport, in process or not.
#[derive(Debug, Clone)]
pub(crate) struct Observed<S>(pub(crate) S);

impl<S> Service<Request<Body>> for Observed<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Status>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> task::Poll<Result<(), Status>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let (started, name) = (Instant::now(), Method::of(request.uri().path()));
        let mut span = client_span(request.headers_mut(), name);
        let answer = self.0.call(request);
        Box::pin(async move {
            let outcome = answer.await;
            let code = match &outcome {
                Ok(answer) => code_of(answer.headers()),
                Err(status) => status.code(),
            };
            metrics::histogram!("parlance_rpc_client_seconds",
                "service" => name.service, "method" => name.name, "code" => code_name(code))
            .record(started.elapsed().as_secs_f64());
            if let Some(span) = &mut span {
                ended(span, code, code != Code::Ok);
            }
            outcome
        })
    }
}

/// Starts the span of a call, if its trace is recorded, and has the request carry its place.
fn client_span(headers: &mut HeaderMap, name: Method) -> Option<Span> {
    let parent = headers.get(metadata::TRACEPARENT)?.to_str().ok()?;
    if !trace::is_recorded(parent) {
        return None;
    }
    let mut span = named(trace::start(Kind::Client, name.full, parent), name);
    match HeaderValue::from_str(span.traceparent()) {
        Ok(place) => headers.insert(metadata::TRACEPARENT, place),
        Err(_) => return None,
    };
    span.set("rpc.system", "grpc");
    Some(span)
}

/// The server's half of the span; `parent` is what the request carried.
/// A stranger's trace is linked, not continued: whether to record is decided here.
pub(crate) fn server_span(parent: &str, name: Method, ours: bool) -> Span {
    let start = if ours { trace::start } else { trace::start_apart };
    named(start(Kind::Server, name.full, parent), name)
}

fn named(mut span: Span, name: Method) -> Span {
    span.set("rpc.system", "grpc");
    span.set("rpc.service", name.full.split('/').next().unwrap_or_default());
    span.set("rpc.method", name.name);
    span
}

fn ended(span: &mut Span, code: Code, failed: bool) {
    span.set("rpc.grpc.status_code", code as i64);
    if failed {
        span.fail(code_name(code));
    }
}

/// Counts a call that is being served until it is dropped.
pub(crate) struct Serving {
    name: Method,
    started: Instant,
    in_flight: metrics::Gauge,
}

impl Serving {
    pub(crate) fn begin(name: Method) -> Self {
        let in_flight = metrics::gauge!("parlance_rpc_in_flight", "service" => name.service);
        in_flight.increment(1.0);
        Self { name, started: Instant::now(), in_flight }
    }

    /// The call was answered.
    pub(crate) fn answered(self, span: &mut Span, headers: &HeaderMap) {
        let Method { service, name: method, .. } = self.name;
        let status = Status::from_header_map(headers).filter(|status| status.code() != Code::Ok);
        let code = status.as_ref().map_or(Code::Ok, Status::code);
        metrics::histogram!("parlance_rpc_seconds",
            "service" => service, "method" => method, "code" => code_name(code))
        .record(self.started.elapsed().as_secs_f64());
        if let Some(status) = status {
            let reason = Error::from(status).reason;
            metrics::counter!("parlance_rpc_errors_total", "service" => service, "reason" => reason.as_str())
                .increment(1);
        }
        let ours = matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        );
        ended(span, code, ours);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.in_flight.decrement(1.0);
    }
}

pub(crate) fn code_of(headers: &HeaderMap) -> Code {
    Status::from_header_map(headers).map_or(Code::Ok, |status| status.code())
}

pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_calls_have_names_and_made_up_ones_share_one() {
        let name = Method::of("/parlance.message.v1.MessageService/SendMessage");
        assert_eq!(name.full, "parlance.message.v1.MessageService/SendMessage");
        assert_eq!((name.service, name.name), ("message", "SendMessage"));
        assert_eq!(Method::of("/parlance.message.v1.MessageService/Made-Up-1"), crate::method::UNKNOWN);
    }
}
