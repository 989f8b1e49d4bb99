#![doc = include_str!("../README.md")]

mod access;
mod bodies;
mod channel_write;
mod commit;
mod config;
mod consumers;
mod convert;
mod domain;
mod followers;
mod ops;
mod previews;
mod rpc;
mod service;
mod store;
mod sweep;

use std::sync::Arc;

use parlance_bus::Bus;
use parlance_core::Clock;
use parlance_proto::message::message_service_server::MessageServiceServer;
use parlance_rpc::{ChannelClient, LinkPreviewClient};
use parlance_sql::Store;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use config::Settings;
pub use rpc::Rpc;

/// What the service needs from outside.
pub struct Dependencies {
    pub store: Store,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub channel: ChannelClient,
    /// Absent = links are not looked up.
    pub link_preview: Option<LinkPreviewClient>,
    pub settings: Settings,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// Brings the service's tables up to date.
pub async fn migrate(store: &Store) -> anyhow::Result<()> {
    parlance_sql::migrate::<store::migrations::Migrator>(store).await
}

/// Starts the service on a migrated store: the committer, the consumer of the channel log, the
/// sweeper, pruning.
pub async fn start(dependencies: Dependencies) -> anyhow::Result<MessageServiceServer<Rpc>> {
    let service = service::Service::start(dependencies).await?;
    Ok(MessageServiceServer::new(Rpc(service)))
}
