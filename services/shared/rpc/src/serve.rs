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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;
use tracing::Instrument;
use uuid::Uuid;

use crate::context::{Context, parse_actor};
use crate::method::Method;
use crate::observe::{Serving, server_span};
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
/// When to come back after a refusal for want of room.
const SHED_PAUSE: Duration = Duration::from_secs(1);

/// Places for calls. Services of one process share them.
#[derive(Debug, Clone)]
pub struct Room {
    ours: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    places: usize,
}

impl Room {
    /// `places` for calls of our own services, and a quarter as many for callers from outside, so that
    /// strangers cannot crowd out the rest.
    pub fn new(places: usize) -> Self {
        let strangers = places.div_ceil(4);
        Self {
            ours: Arc::new(Semaphore::new(places)),
            strangers: Arc::new(Semaphore::new(strangers)),
            places: places + strangers,
        }
    }

    /// Calls under way, streams left out.
    pub fn taken(&self) -> usize {
        self.places - self.ours.available_permits() - self.strangers.available_permits()
    }

    fn enter(&self, is_ours: bool) -> Option<OwnedSemaphorePermit> {
        let places = if is_ours { &self.ours } else { &self.strangers };
        places.clone().try_acquire_owned().ok()
    }
}

/// A generated server behind the stack.
#[derive(Clone)]
pub struct Served<S> {
    inner: S,
    authenticate: Option<Authenticate>,
    secret: Option<Arc<str>>,
    previous_secret: Option<Arc<str>>,
    room: Option<Room>,
}

/// Puts the stack in front of a generated server. Callers from outside are asked of `authenticate`
/// (none = refused); those that bring `secret` are believed like callers in this process.
pub fn serve<S>(inner: S, authenticate: Option<Authenticate>, secret: Option<Arc<str>>) -> Served<S> {
    Served { inner, authenticate, secret, previous_secret: None, room: None }
}

impl<S> Served<S> {
    /// A second secret that is believed, while one takes the place of the other.
    pub fn with_previous_secret(self, previous_secret: Option<Arc<str>>) -> Self {
        Self { previous_secret, ..self }
    }

    /// Calls beyond the places of `room` are refused at once, unbegun: a caller that can ask another
    /// replica does better there than in a queue here.
    pub fn with_room(self, room: Room) -> Self {
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
        let secrets = [self.secret.clone(), self.previous_secret.clone()];
        let room = self.room.clone();
        let started = Instant::now();
        let name = Method::of(request.uri().path());
        let serving = Serving::begin(name);
        let parent = header(request.headers(), metadata::TRACEPARENT).unwrap_or_default();
        let proof = Proof::of(&request, &secrets);
        let mut step = server_span(parent, name, proof == Proof::Ours);
        let trace = step.traceparent().to_owned();
        let work = trace::within(
            step.traceparent(),
            async move {
                let streaming = name.streams;
                let entered = match room.filter(|_| !streaming) {
                    Some(room) => room.enter(proof == Proof::Ours).map(Some),
                    None => Some(None),
                };
                let Some(_place) = entered else { return shed(name.name) };
                let timeout = header(request.headers(), metadata::TIMEOUT)
                    .and_then(timeout::parse)
                    .unwrap_or(timeout::USUAL)
                    .min(LONGEST);
                let caller = match (proof, authenticate) {
                    (Proof::Ours, _) => caller_in_metadata(request.headers()),
                    (Proof::Wrong, _) => {
                        Err(Error::new(Reason::SecretUnknown, "the service secret is not ours"))
                    }
                    (Proof::None, Some(authenticate)) => {
                        let known = authenticate(credentials(request.headers()));
                        match tokio::time::timeout(timeout, known).await {
                            Ok(caller) => caller,
                            Err(_) => Err(Error::new(Reason::DeadlinePassed, "deadline passed")),
                        }
                    }
                    (Proof::None, None) => Err(Error::new(Reason::CredentialsMissing, "who are you?")),
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
            .instrument(tracing::debug_span!("rpc", method = name.name)),
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

/// Whether a call comes from one of our own services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Made in this process, or beside a secret of ours.
    Ours,
    /// Beside another secret: a service that has an older or newer one.
    Wrong,
    None,
}

impl Proof {
    fn of(request: &Request<Body>, secrets: &[Option<Arc<str>>]) -> Self {
        if request.extensions().get::<Trusted>().is_some() {
            return Self::Ours;
        }
        let Some(theirs) = header(request.headers(), metadata::SERVICE_SECRET) else { return Self::None };
        // All are compared, so that the time tells nothing.
        let is_ours = secrets
            .iter()
            .flatten()
            .fold(false, |found, ours| found | constant_time_eq(ours.as_bytes(), theirs.as_bytes()));
        if is_ours { Self::Ours } else { Self::Wrong }
    }
}

/// The caller named by one of our own services.
fn caller_in_metadata(headers: &HeaderMap) -> Result<Caller> {
    let app = header(headers, metadata::APP).and_then(|text| Uuid::try_parse(text).ok());
    let actor = header(headers, metadata::ACTOR).and_then(parse_actor);
    match (app, actor) {
        (Some(app), Some(actor)) => Ok(Caller { app, actor, trusted: true }),
        _ => Err(Error::new(Reason::CredentialsMissing, "caller metadata is missing")),
    }
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
