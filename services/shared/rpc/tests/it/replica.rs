//! A replica of the message service that answers every call with an empty message.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use parlance_rpc::{Room, serve};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;

pub const SECRET: &str = "secret-between-services";

/// What the replica does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Answers,
    /// UNAVAILABLE, as a service whose database is away.
    Refuses,
    /// Nothing, for ever.
    IsMute,
}

/// A running replica. Dropped = gone, its connections cut.
pub struct Replica {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
    runtime: Option<Runtime>,
}

#[derive(Debug, Default)]
pub struct Seen {
    /// Calls that reached the service.
    pub calls: AtomicUsize,
    pub called: Notify,
    pub last_timeout: parking_lot::Mutex<Option<String>>,
}

impl Replica {
    pub async fn start(manner: Manner, room: usize) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), manner, room).await
    }

    pub async fn start_on(address: SocketAddr, manner: Manner, room: usize) -> Self {
        let seen = Arc::new(Seen::default());
        let service = Service { manner, seen: seen.clone() };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        runtime.spawn(async move {
            // One that was killed before may not have let go of it yet.
            let listener = loop {
                match TcpListener::bind(address).await {
                    Ok(listener) => break listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            };
            sender.send(listener.local_addr().unwrap()).unwrap();
            let room = Room::new(room);
            let served = serve(service, None, Some(SECRET.into())).with_room(room);
            let incoming = TcpIncoming::from(listener);
            tonic::transport::Server::builder()
                .add_service(served)
                .serve_with_incoming(incoming)
                .await
                .unwrap();
        });
        Self { address: receiver.await.unwrap(), seen, runtime: Some(runtime) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::SeqCst)
    }

    /// Cuts all connections, as a killed process does.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

#[derive(Clone)]
struct Service {
    manner: Manner,
    seen: Arc<Seen>,
}

impl NamedService for Service {
    const NAME: &'static str = "parlance.message.v1.MessageService";
}

impl tower::Service<Request<Body>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { manner, seen } = self.clone();
        Box::pin(async move {
            seen.calls.fetch_add(1, Ordering::SeqCst);
            let timeout =
                request.headers().get("grpc-timeout").map(|value| value.to_str().unwrap().to_owned());
            *seen.last_timeout.lock() = timeout;
            seen.called.notify_one();
            match manner {
                Manner::Answers => Ok(empty()),
                Manner::Refuses => {
                    Ok(tonic::Status::from(parlance_core::Error::unavailable("away")).into_http())
                }
                Manner::IsMute => {
                    tokio::time::sleep(Duration::from_secs(3600)).await;
                    Ok(empty())
                }
            }
        })
    }
}

/// One message without fields.
fn empty() -> Response<Body> {
    let frame = Full::new(Bytes::from_static(&[0; 5]));
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    let body = frame.with_trailers(async move { Some(Ok(trailers)) });
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}
