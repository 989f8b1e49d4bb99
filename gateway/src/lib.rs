#![doc = include_str!("../README.md")]

pub mod activity;
pub mod config;
pub mod dialects;
pub mod directory;
mod docs;
pub mod hub;
pub mod identity;
mod middleware;
mod page;
pub mod realtime;
mod routes;
mod state;

pub use config::Settings;
pub use middleware::client_ip::are_proxies;
pub use middleware::limits::LimitsBackend;
pub use state::{Dependencies, Edge};

use std::time::Duration;

/// A running gateway: its routers, and the way to end it.
pub struct Gateway {
    edge: Edge,
}

/// Starts the background work of a gateway (bus listening, presence reports).
pub async fn start(dependencies: Dependencies) -> anyhow::Result<Gateway> {
    let edge = Edge::new(dependencies).await?;
    Ok(Gateway { edge })
}

impl Gateway {
    /// Everything on the main listener: REST dialects and the realtime endpoint.
    pub fn router(&self) -> axum::Router {
        routes::main(self.edge.clone())
    }

    /// The realtime listener: the WebSocket endpoint and health.
    pub fn realtime_router(&self) -> axum::Router {
        routes::realtime(self.edge.clone())
    }

    /// Closes every socket with a reconnect code, spread evenly over `spread`; returns when all are closed.
    pub async fn drain(&self, spread: Duration) {
        self.edge.hub().drain(spread).await;
    }
}
