//! The server half: every service, in process or behind a socket, stands behind this stack.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Request, Response};
use parlance_core::{Caller, Error, Reason, Result};
use parlance_telemetry::trace;
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;
use tracing::Instrument;
use uuid::Uuid;

use crate::context::{Context, parse_actor};
use crate::method::Method;
use crate::observe::{Name, Serving, server_span};
use crate::{metadata, timeout};

/// Marks a request that was made in this process.
#[derive(Clone, Copy)]
pub(crate) struct Trusted;

/// What a client from outside presents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    pub api_key: Option<String>,
    pub token: Option<String>,
    /// User that the holder of the key acts for.
    pub act_as: Option<String>,
}

/// Tells who presents these credentials; must not mark the caller as trusted.
pub type Authenticate =
    Arc<dyn Fn(Credentials) -> Pin<Box<dyn Future<Output = Result<Caller>> + Send>> + Send + Sync>;

/// Longest time that a unary call may take, whatever its caller says.
const LONGEST: Duration = Duration::from_secs(60);
/// Time of a call whose caller gave none.
const USUAL: Duration = Duration::from_secs(10);
/// When to come back after a refusal for want of room.
const SHED_PAUSE: Duration = Duration::from_secs(1);

/// A generated server behind the stack.
#[derive(Clone)]
pub struct Served<S> {
    inner: S,
    authenticate: Option<Authenticate>,
    secret: Option<Arc<str>>,
    room: Option<Arc<Semaphore>>,
}

/// Puts the stack in front of a generated server. Callers from outside are asked of `authenticate`
/// (none = refused); those that bring `secret` are believed like callers in this process.
pub fn serve<S>(inner: S, authenticate: Option<Authenticate>, secret: Option<Arc<str>>) -> Served<S> {
    Served { inner, authenticate, secret, room: None }
}

impl<S> Served<S> {
    /// Calls beyond the permits of `room` (which services may share) are refused at once, unbegun:
    /// a caller that can ask another replica does better there than in a queue here.
    pub fn with_room(self, room: Arc<Semaphore>) -> Self {
        Self { room: Some(room), ..self }
    }
}

impl<S: NamedService> NamedService for Served<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Served<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        // Generated servers are always ready.
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut inner = self.inner.clone();
        let authenticate = self.authenticate.clone();
        let secret = self.secret.clone();
        let room = self.room.clone();
        let started = Instant::now();
        let name = Name::of(request.uri().path());
        let serving = Serving::begin(name);
        let parent = header(request.headers(), metadata::TRACEPARENT).unwrap_or_default();
        let mut step = server_span(parent, name);
        let trace = step.traceparent().to_owned();
        let work = trace::within(
            step.traceparent(),
            async move {
                let streaming = Method::of(request.uri().path()).streams;
                let _permit = match room.filter(|_| !streaming).map(Semaphore::try_acquire_owned) {
                    Some(Err(_)) => return shed(name.method),
                    Some(Ok(permit)) => Some(permit),
                    None => None,
                };
                let timeout = header(request.headers(), metadata::TIMEOUT)
                    .and_then(timeout::parse)
                    .unwrap_or(USUAL)
                    .min(LONGEST);
                let caller = match trusted_caller(&request, secret.as_deref()) {
                    Some(caller) => caller,
                    None => match (authenticate, credentials(request.headers())) {
                        (Some(authenticate), credentials) => authenticate(credentials).await,
                        (None, _) => Err(Error::new(Reason::CredentialsMissing, "who are you?")),
                    },
                };
                match caller {
                    Ok(caller) => {
                        request.extensions_mut().insert(Context {
                            caller,
                            deadline: started + if streaming { LONGEST } else { timeout },
                            trace,
                        });
                        match tokio::time::timeout(timeout, inner.call(request)).await {
                            Ok(Ok(response)) => response,
                            Ok(Err(never)) => match never {},
                            Err(_) => refuse(Error::new(Reason::DeadlinePassed, "deadline passed")),
                        }
                    }
                    Err(error) => refuse(error),
                }
            }
            .instrument(tracing::debug_span!("rpc", method = name.method)),
        );
        Box::pin(async move {
            let response = work.await;
            serving.answered(&mut step, response.headers());
            Ok(response)
        })
    }
}

fn refuse(error: Error) -> Response<Body> {
    Status::from(error).into_http()
}

/// Refuses a call for want of room.
fn shed(method: &'static str) -> Response<Body> {
    metrics::counter!("parlance_rpc_shed_total", "method" => method).increment(1);
    let error = Error::new(Reason::Overloaded, "too many calls at once").with_retry_after(SHED_PAUSE);
    let mut response = refuse(error);
    response.headers_mut().insert(metadata::UNPROCESSED, HeaderValue::from_static("1"));
    response
}

/// The caller named by one of our own services; `None` if the request comes from outside.
fn trusted_caller(request: &Request<Body>, secret: Option<&str>) -> Option<Result<Caller>> {
    let headers = request.headers();
    let in_process = request.extensions().get::<Trusted>().is_some();
    let beside_secret = || {
        matches!((secret, header(headers, metadata::SERVICE_SECRET)), (Some(ours), Some(theirs))
            if constant_time_eq(ours.as_bytes(), theirs.as_bytes()))
    };
    if !in_process && !beside_secret() {
        return None;
    }
    let app = header(headers, metadata::APP).and_then(|text| Uuid::try_parse(text).ok());
    let actor = header(headers, metadata::ACTOR).and_then(parse_actor);
    Some(match (app, actor) {
        (Some(app), Some(actor)) => Ok(Caller { app, actor, trusted: true }),
        _ => Err(Error::new(Reason::CredentialsMissing, "caller metadata is missing")),
    })
}

fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}

fn credentials(headers: &HeaderMap) -> Credentials {
    Credentials {
        api_key: header(headers, metadata::API_KEY).map(str::to_owned),
        token: header(headers, metadata::AUTHORIZATION)
            .and_then(|text| text.strip_prefix("Bearer "))
            .map(str::to_owned),
        act_as: header(headers, metadata::ACT_AS).map(str::to_owned),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
