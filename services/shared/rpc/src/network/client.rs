//! One call over the network: find a replica, ask it, and ask another one where that is safe.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, request::Parts};
use http_body_util::{BodyExt as _, Full};
use parlance_core::{Error, Num, Reason};
use tonic::body::Body;
use tonic::{ConnectError, Status, TimeoutExpired};
use tower::Service;
use tower::retry::budget::{Budget as _, TpsBudget};

use super::replicas::{Replica, Replicas};
use crate::method::Method;
use crate::{metadata, timeout};

/// Most attempts of one call.
const ATTEMPTS: usize = 3;
/// Pause before a second attempt; doubles.
const PAUSE: Duration = Duration::from_millis(15);
/// Retries that are paid for by calls: one for every five, counted over ten seconds, and ten a second
/// besides, so that a replica that goes is hardly seen and a service that is away is not asked thrice.
const BUDGET_TTL: Duration = Duration::from_secs(10);
const BUDGET_PER_SECOND: u32 = 10;
const BUDGET_SHARE: f32 = 0.2;

/// The network under a generated client.
#[derive(Clone)]
pub(crate) struct Network(Arc<Shared>);

struct Shared {
    /// Name of the service, for people and metrics.
    service: &'static str,
    replicas: Arc<Replicas>,
    secret: Option<HeaderValue>,
    budget: TpsBudget,
}

/// Why an attempt brought no answer.
#[derive(Debug)]
struct Trouble {
    error: Error,
    /// The replica has not begun with it.
    unprocessed: bool,
}

impl Network {
    pub(crate) fn new(service: &'static str, replicas: Arc<Replicas>, secret: Option<HeaderValue>) -> Self {
        let budget = TpsBudget::new(BUDGET_TTL, BUDGET_PER_SECOND, BUDGET_SHARE);
        Self(Arc::new(Shared { service, replicas, secret, budget }))
    }
}

impl Service<Request<Body>> for Network {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Status>> {
        // Whether a replica has room is known only once it is chosen.
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = self.0.clone();
        Box::pin(async move { shared.call(request).await })
    }
}

impl Shared {
    async fn call(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let (parts, body) = request.into_parts();
        let method = Method::of(parts.uri.path());
        let route = text(&parts.headers, metadata::ROUTE).and_then(|text| text.parse::<Num>().ok());
        let repeatable = method.idempotent || parts.headers.contains_key(metadata::KEYED);
        let time = text(&parts.headers, metadata::TIMEOUT).and_then(timeout::parse).unwrap_or(timeout::USUAL);
        let deadline = Instant::now() + time;
        // Requests are single messages; kept, they can be sent again.
        let body = body.collect().await?.to_bytes();
        let mut tried: Vec<Arc<Replica>> = Vec::new();
        self.budget.deposit();
        loop {
            let Some(replica) = self.replicas.pick(route, &tried) else {
                return Err(Error::unavailable(format!("no replica of {} is known", self.service)).into());
            };
            let attempt = self.attempt(&replica, &parts, body.clone(), method, deadline).await;
            let (outcome, unprocessed) = match attempt {
                Ok(answer) if is_secret_refused(&answer) => {
                    // Nothing that a client could mend: its own credentials may be fine.
                    let (service, replica) = (self.service, &replica.name);
                    tracing::error!(%service, %replica, "the service secret is refused: compare `grpc.secret`");
                    (Err(Error::unavailable("services do not trust each other")), true)
                }
                Ok(answer) => {
                    let unprocessed = answer.headers().contains_key(metadata::UNPROCESSED);
                    (Ok(answer), unprocessed)
                }
                Err(trouble) => (Err(trouble.error), trouble.unprocessed),
            };
            if !(unprocessed || (repeatable && is_passing(&outcome)))
                || tried.len() + 1 >= ATTEMPTS
                || !self.budget.withdraw()
            {
                return outcome.map_err(Status::from);
            }
            let pause = PAUSE.mul_f64(f64::from(1 << tried.len()) * rand::random_range(0.5..1.5));
            if Instant::now() + pause >= deadline {
                return outcome.map_err(Status::from);
            }
            metrics::counter!("parlance_rpc_retries_total", "service" => self.service).increment(1);
            tokio::time::sleep(pause).await;
            tried.push(replica);
        }
    }

    async fn attempt(
        &self,
        replica: &Arc<Replica>,
        parts: &Parts,
        body: Bytes,
        method: Method,
        deadline: Instant,
    ) -> Result<Response<Body>, Trouble> {
        let left = deadline.saturating_duration_since(Instant::now());
        let (sent, in_flight) = (body.len() as u64, replica.begin());
        let mut request = Request::new(Body::new(Full::new(body)));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.version_mut() = parts.version;
        *request.headers_mut() = parts.headers.clone();
        if let Some(secret) = &self.secret {
            request.headers_mut().insert(metadata::SERVICE_SECRET, secret.clone());
        }
        request.headers_mut().insert(metadata::TIMEOUT, timeout::header(left));

        let mut channel = replica.channel();
        let exchange = async {
            std::future::poll_fn(|cx| channel.poll_ready(cx)).await.map_err(trouble)?;
            let answer = channel.call(request).await.map_err(trouble)?;
            if method.streams {
                return Ok(answer);
            }
            // Whole, so that a replica that dies while it answers is noticed here.
            let (head, body) = answer.into_parts();
            let body = body.collect().await.map_err(trouble)?;
            Ok::<_, Trouble>(Response::from_parts(head, Body::new(body)))
        };
        let outcome = tokio::time::timeout(left, exchange).await;
        drop(in_flight);
        match outcome {
            Ok(Ok(answer)) => {
                replica.answered();
                let received = http_body::Body::size_hint(answer.body()).lower();
                metrics::counter!("parlance_rpc_client_bytes_total").increment(sent + received);
                Ok(answer)
            }
            Ok(Err(trouble)) => {
                replica.failed();
                let (replica, error) = (&replica.name, &trouble.error);
                tracing::debug!(%replica, %error, "a replica brought no answer");
                Err(trouble)
            }
            Err(_) => {
                replica.was_mute();
                let error = Error::new(Reason::DeadlinePassed, "deadline passed");
                Err(Trouble { error, unprocessed: false })
            }
        }
    }
}

/// Whether the replica does not know our secret, as while it is being replaced.
fn is_secret_refused(answer: &Response<Body>) -> bool {
    Status::from_header_map(answer.headers())
        .filter(|status| status.code() == tonic::Code::Unauthenticated)
        .is_some_and(|status| Error::from(status).reason == Reason::SecretUnknown)
}

/// Whether the same question may be answered elsewhere or a moment later.
fn is_passing(outcome: &Result<Response<Body>, Error>) -> bool {
    match outcome {
        Ok(answer) => {
            Status::from_header_map(answer.headers()).is_some_and(|s| s.code() == tonic::Code::Unavailable)
        }
        Err(error) => error.reason == Reason::Unavailable,
    }
}

fn trouble(cause: impl StdError + 'static) -> Trouble {
    let mut unprocessed = false;
    let mut timed_out = false;
    let mut link: Option<&(dyn StdError + 'static)> = Some(&cause);
    while let Some(error) = link {
        unprocessed |=
            error.is::<ConnectError>() || error.downcast_ref::<h2::Error>().is_some_and(was_refused);
        timed_out |= error.is::<TimeoutExpired>();
        link = error.source();
    }
    let error = if timed_out {
        Error::new(Reason::DeadlinePassed, "deadline passed")
    } else {
        Error::unavailable("a service cannot be reached")
    };
    Trouble { error, unprocessed }
}

/// HTTP/2 says of a stream that was refused, or that came after a GOAWAY, that nothing was done with it.
fn was_refused(error: &h2::Error) -> bool {
    error.is_remote()
        && (error.reason() == Some(h2::Reason::REFUSED_STREAM)
            || (error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR)))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
