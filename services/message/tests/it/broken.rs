//! What the message service stands on, made to fail.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use parlance_bus::{Bus, MemoryBus, Message, Subscription, Topic};
use parlance_core::{Error, Result};
use tonic::body::Body;
use tonic::codegen::{Service, http::Request};

/// What fails for one replica of the message service.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// The bus takes nothing.
    pub deaf_bus: Arc<AtomicBool>,
    /// The bus takes this many milliseconds for everything that it is given.
    pub slow_bus: Arc<AtomicU64>,
    /// Channel never answers when it is told of new messages.
    pub hanging_touches: Arc<AtomicBool>,
}

/// A bus that takes nothing, or its time.
#[derive(Debug)]
pub struct FaultyBus(pub Arc<MemoryBus>, pub Faults);

#[async_trait::async_trait]
impl Bus for FaultyBus {
    async fn publish(&self, messages: Vec<(Topic, Message)>) -> Result<()> {
        if self.1.deaf_bus.load(Ordering::Relaxed) {
            return Err(Error::unavailable("deaf"));
        }
        let pause = Duration::from_millis(self.1.slow_bus.load(Ordering::Relaxed));
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        self.0.publish(messages).await
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>> {
        self.0.subscribe().await
    }

    async fn probe(&self) -> Result<()> {
        self.0.probe().await
    }
}

/// A channel service whose answers to touches do not come.
#[derive(Clone)]
pub struct HangingTouches<S>(pub S, pub Arc<AtomicBool>);

impl<S> Service<Request<Body>> for HangingTouches<S>
where
    S: Service<Request<Body>>,
    S::Future: Send + 'static,
    S::Response: 'static,
    S::Error: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match request.uri().path().ends_with("/Touch") && self.1.load(Ordering::Relaxed) {
            true => Box::pin(std::future::pending()),
            false => Box::pin(self.0.call(request)),
        }
    }
}
