//! HTTP listeners with limits.
//!
//! `axum::serve` has neither a limit of connections nor of the time that a request's head may take,
//! so connections are served here: HTTP/1.1 with upgrades, which is all that proxies and WebSockets need.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Time that the head of a request may take; also how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// Largest head of a request: bounds what one connection costs before it is known.
const MAX_HEAD: usize = 64 * 1024;
/// Pause after the system refused a connection (out of files or memory).
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// The listeners of a process and the connections that they share a limit of.
#[derive(Clone)]
pub(crate) struct Listeners {
    permits: Arc<Semaphore>,
    connections: TaskTracker,
    closing: CancellationToken,
}

impl Listeners {
    pub(crate) fn new(max_connections: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS))),
            connections: TaskTracker::new(),
            closing: CancellationToken::new(),
        }
    }

    /// Serves `router` on a bound listener until [`Listeners::close`].
    pub(crate) fn serve(&self, listener: TcpListener, router: Router) {
        let this = self.clone();
        self.connections.spawn(async move {
            this.closing.clone().run_until_cancelled(this.accept_all(listener, router)).await;
        });
    }

    /// Accepts no more, lets requests in flight finish, and waits for that, at most `patience`.
    pub(crate) async fn close(&self, patience: Duration) {
        self.closing.cancel();
        self.connections.close();
        if tokio::time::timeout(patience, self.connections.wait()).await.is_err() {
            tracing::warn!(left = self.connections.len(), "HTTP requests were cut off");
        }
    }

    async fn accept_all(&self, listener: TcpListener, router: Router) {
        loop {
            // At the limit the system queues new connections.
            let Ok(permit) = self.permits.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let connection = serve(stream, peer, permit, router.clone(), self.closing.clone());
                    self.connections.spawn(connection);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(cause) => {
                    tracing::error!(%cause, "a connection could not be accepted");
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
            }
        }
    }
}

/// Binds the address that a setting names.
pub(crate) async fn bind(setting: &str, address: &str) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("listen on {address} ({setting})"))?;
    let bound = listener.local_addr().with_context(|| format!("the address of {setting}"))?;
    Ok((listener, bound))
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    router: Router,
    closing: CancellationToken,
) {
    if let Err(cause) = stream.set_nodelay(true) {
        tracing::debug!(%cause, "TCP_NODELAY was refused");
    }
    let service = service_fn(move |request: Request<Incoming>| answer(router.clone(), request, peer));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Counted { stream, _permit: permit }), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let outcome = tokio::select! {
        outcome = &mut connection => outcome,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(cause) = outcome {
        tracing::trace!(%cause, "a connection ended early");
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}

/// A connection that counts as one until it is closed, upgraded or not.
struct Counted {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;

    use super::*;

    const LONG: Duration = Duration::from_secs(5);

    async fn connect(address: SocketAddr) -> TcpStream {
        TcpStream::connect(address).await.unwrap()
    }

    async fn ask(stream: &mut TcpStream) {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    }

    /// Reads until the answer holds `text`.
    async fn answered(stream: &mut TcpStream, text: &str) {
        let mut answer = Vec::new();
        while !String::from_utf8_lossy(&answer).contains(text) {
            let read = tokio::time::timeout(LONG, stream.read_buf(&mut answer)).await.unwrap().unwrap();
            assert!(read > 0, "closed after {answer:?}");
        }
    }

    #[tokio::test]
    async fn handlers_learn_the_address_of_the_peer() {
        let listeners = Listeners::new(10);
        let (listener, address) = bind("test", "127.0.0.1:0").await.unwrap();
        let peer = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string();
        listeners.serve(listener, Router::new().route("/", get(peer)));
        let mut stream = connect(address).await;
        ask(&mut stream).await;
        let own = stream.local_addr().unwrap().to_string();
        answered(&mut stream, &own).await;
    }

    #[tokio::test]
    async fn beyond_the_limit_a_connection_waits_until_another_one_closes() {
        let listeners = Listeners::new(1);
        let (listener, address) = bind("test", "127.0.0.1:0").await.unwrap();
        listeners.serve(listener, Router::new().route("/", get(async || "hello")));
        let mut first = connect(address).await;
        ask(&mut first).await;
        answered(&mut first, "hello").await;
        let mut second = connect(address).await;
        ask(&mut second).await;
        let early = tokio::time::timeout(Duration::from_millis(50), answered(&mut second, "hello")).await;
        assert!(early.is_err());
        drop(first);
        answered(&mut second, "hello").await;
    }

    #[tokio::test]
    async fn closing_lets_a_request_in_flight_finish_and_idle_connections_end() {
        let listeners = Listeners::new(10);
        let (listener, address) = bind("test", "127.0.0.1:0").await.unwrap();
        let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (entered, go_on) = (entered.clone(), go_on.clone());
            async move || {
                entered.notify_one();
                go_on.notified().await;
                "finished"
            }
        };
        listeners.serve(listener, Router::new().route("/", get(handler)));
        let _idle = connect(address).await;
        let mut busy = connect(address).await;
        ask(&mut busy).await;
        entered.notified().await;
        let closing = tokio::spawn({
            let listeners = listeners.clone();
            async move { listeners.close(LONG).await }
        });
        listeners.closing.cancelled().await;
        go_on.notify_one();
        answered(&mut busy, "finished").await;
        closing.await.unwrap();
        assert!(listeners.connections.is_empty());
    }
}
