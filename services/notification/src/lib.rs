#![doc = include_str!("../README.md")]

mod app_providers;
mod config;
mod consumers;
mod convert;
mod deciding;
mod domain;
mod factory;
mod ops;
mod outgoing;
pub mod providers;
mod rpc;
mod sending;
mod service;
mod store;
mod sweep;

use std::sync::Arc;

use parlance_bus::Bus;
use parlance_core::{Clock, Result};
use parlance_proto::notification::ProviderKind;
use parlance_proto::notification::notification_service_server::NotificationServiceServer;
use parlance_rpc::{AuthClient, ChannelClient, MessageClient, PresenceClient};
use parlance_sql::Store;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use config::Settings;
pub use factory::provider_factory;
pub use rpc::Rpc;

/// Builds a push service from an app's settings and secrets (JSON objects). INVALID_ARGUMENT, naming the
/// field, if they are not what the kind needs.
pub type ProviderFactory = Arc<
    dyn Fn(ProviderKind, &Map<String, Value>, &Map<String, Value>) -> Result<Arc<dyn providers::Provider>>
        + Send
        + Sync,
>;

/// What the service needs from outside.
pub struct Dependencies {
    pub store: Store,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub auth: AuthClient,
    pub channel: ChannelClient,
    pub presence: PresenceClient,
    pub message: MessageClient,
    /// Seals the secrets of push services at rest.
    pub master_key: [u8; 32],
    pub settings: Settings,
    /// [`provider_factory`], but in tests.
    pub providers: ProviderFactory,
    /// Background loops are spawned here …
    pub tasks: TaskTracker,
    /// … and end on this.
    pub stop: CancellationToken,
}

/// Brings the service's tables up to date.
pub async fn migrate(store: &Store) -> anyhow::Result<()> {
    parlance_sql::migrate::<store::migrations::Migrator>(store).await
}

/// Starts the service on a migrated store: the consumers of the logs of message and auth, what decides, what
/// sends, what sweeps.
pub async fn start(dependencies: Dependencies) -> anyhow::Result<NotificationServiceServer<Rpc>> {
    let service = service::Service::start(dependencies).await?;
    Ok(NotificationServiceServer::new(Rpc(service)))
}
