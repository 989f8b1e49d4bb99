#![doc = include_str!("../README.md")]

mod config;
mod convert;
mod crowd;
mod domain;
mod open;
mod ops;
mod rpc;
mod rules;
mod store;

use std::sync::Arc;

use moka::future::Cache;
use parlance_core::{Clock, Micros};
use parlance_proto::link_preview::link_preview_service_server::LinkPreviewServiceServer;
use parlance_sql::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use config::Settings;
pub use rpc::Rpc;

use domain::preview::Outcome;
use open::Opener;
use rules::Rules;

/// What the service stands on.
pub struct Dependencies {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub settings: Settings,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// The service's own state, shared by its operations.
pub(crate) struct Previews {
    store: Store,
    clock: Arc<dyn Clock>,
    enabled: bool,
    rules: Rules,
    opener: Opener,
    cache: Cache<Link, Arc<Kept>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What results are kept by. Apps share none: their rules differ, and what one opens is nobody else's
/// affair.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    app: Uuid,
    /// Of the app's rules: what was found under older ones is not asked for any more.
    version: i64,
    /// Without its fragment.
    url: String,
}

/// What opening a link came to, and until when that counts.
#[derive(Debug)]
pub(crate) struct Kept {
    outcome: Outcome,
    until: Micros,
}

/// Brings the tables up to date.
pub async fn migrate(store: &Store) -> anyhow::Result<()> {
    parlance_sql::migrate::<store::migrations::Migrator>(store).await
}

/// Starts the service; the store has been migrated.
pub async fn start(dependencies: Dependencies) -> anyhow::Result<LinkPreviewServiceServer<Rpc>> {
    let Dependencies { store, clock, settings, tasks, stop } = dependencies;
    let previews = Previews {
        store,
        clock,
        enabled: settings.enabled,
        rules: Rules::new(),
        cache: Cache::builder().max_capacity(settings.cache_entries).time_to_live(settings.cache()).build(),
        opener: Opener::new(settings)?,
        tasks,
        stop,
    };
    Ok(LinkPreviewServiceServer::new(Rpc::new(Arc::new(previews))))
}
