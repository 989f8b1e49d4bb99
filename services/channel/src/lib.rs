#![doc = include_str!("../README.md")]

mod consumers;
mod convert;
mod domain;
mod facts;
mod ops;
mod rpc;
mod state;
mod store;
mod touches;

use std::sync::Arc;

use parlance_bus::Bus;
use parlance_core::Clock;
use parlance_proto::channel::channel_service_server::ChannelServiceServer;
use parlance_rpc::AuthClient;
use parlance_sql::{Store, outbox};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use rpc::Rpc;

/// What the service is made of.
pub struct Dependencies {
    pub store: Store,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub auth: AuthClient,
    /// Background loops are spawned here …
    pub tasks: TaskTracker,
    /// … and end on this.
    pub stop: CancellationToken,
}

/// Brings the tables up to date.
pub async fn migrate(store: &Store) -> anyhow::Result<()> {
    parlance_sql::migrate::<store::migrations::Migrations>(store).await
}

/// Starts the service; [`migrate`] has been called before.
pub async fn start(dependencies: Dependencies) -> anyhow::Result<ChannelServiceServer<Rpc>> {
    let Dependencies { store, bus, clock, auth, tasks, stop } = dependencies;
    let state = Arc::new(state::State::load(store.clone(), bus, clock.clone(), auth).await?);
    tasks.spawn(consumers::run(state.clone(), stop.clone()));
    tasks.spawn(touches::guard(state.clone(), stop.clone()));
    tasks.spawn(outbox::keep_pruned(store, clock, stop));
    Ok(ChannelServiceServer::new(Rpc::new(state)))
}
