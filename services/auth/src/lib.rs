#![doc = include_str!("../README.md")]

mod apps;
mod convert;
mod domain;
mod facts;
mod ops;
mod rpc;
mod standings;
mod store;
mod sweep;

use std::sync::Arc;

use parlance_bus::Bus;
use parlance_core::{Clock, NumGenerator};
use parlance_proto::auth::auth_service_server::AuthServiceServer;
use parlance_seal::SecretBox;
use parlance_sql::{Store, outbox};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use rpc::Rpc;

/// What the service stands on.
pub struct Dependencies {
    pub store: Store,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    /// Seals the secrets of apps at rest and derives refresh tokens.
    pub master_key: [u8; 32],
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// The service's own state, shared by its operations.
pub(crate) struct Auth {
    store: Store,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    nums: NumGenerator,
    apps: apps::Apps,
    secrets: SecretBox,
    refresh: domain::refresh::Chain,
    standings: standings::Standings,
}

/// Brings the tables up to date.
pub async fn migrate(store: &Store) -> anyhow::Result<()> {
    parlance_sql::migrate::<store::migrations::Migrator>(store).await
}

/// Starts the service; the store has been migrated.
pub async fn start(dependencies: Dependencies) -> anyhow::Result<AuthServiceServer<Rpc>> {
    let Dependencies { store, bus, clock, master_key, tasks, stop } = dependencies;
    let auth = Arc::new(Auth {
        standings: standings::Standings::start(store.clone(), &tasks, &stop),
        store,
        bus,
        clock,
        nums: NumGenerator::random(),
        apps: apps::Apps::new(),
        secrets: SecretBox::new(&master_key),
        refresh: domain::refresh::Chain::new(&master_key),
    });
    tasks.spawn(outbox::keep_pruned(auth.store.clone(), auth.clock.clone(), stop.clone()));
    tasks.spawn(sweep::run(auth.clone(), stop));
    Ok(AuthServiceServer::new(Rpc::new(auth)))
}
