//! What the operations of this service share.

use std::sync::Arc;
use std::time::Duration;

use parlance_bus::Bus;
use parlance_core::{Clock, Micros, NumGenerator};
use parlance_rpc::ChannelClient;
use parlance_sql::{Progress, Store, within};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::access::Access;
use crate::commit::{Announcements, Announcer, Committer};
use crate::consumers::channel;
use crate::followers::Followers;
use crate::store::{entries, epoch, log::Frontier};
use crate::{Dependencies, Settings};

/// How often old entries are pruned.
const PRUNE_EVERY: Duration = Duration::from_secs(600);
/// Time of one step.
const PRUNE_LIMIT: Duration = Duration::from_secs(20);

pub struct Service {
    pub store: Store,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub channel: ChannelClient,
    pub settings: Settings,
    /// Identity of this store's stream logs.
    pub epoch: String,
    pub nums: NumGenerator,
    /// How far the entries of all streams together can be read.
    pub frontier: Frontier,
    pub access: Access,
    pub committer: Committer,
    pub announcer: Announcer,
    pub followers: Arc<Followers>,
    /// Whether links are looked up.
    pub finds_previews: bool,
    /// Says that messages wait for previews.
    pub previews: Notify,
    /// How far channel's log has been consumed, by all replicas together.
    pub facts: Arc<Progress>,
    /// Tells this replica from others.
    pub replica: String,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

impl Service {
    pub async fn start(given: Dependencies) -> anyhow::Result<Arc<Self>> {
        let epoch = epoch::load_or_create(&given.store).await?;
        let (committer, sends) = Committer::new(given.settings.max_waiting);
        let (announcer, announcements) = Announcer::new();
        let service = Arc::new(Self {
            epoch,
            nums: NumGenerator::random(),
            frontier: Frontier::default(),
            access: Access::new(given.channel.clone()),
            committer,
            announcer,
            followers: Followers::new(&given.settings),
            finds_previews: given.link_preview.is_some(),
            previews: Notify::new(),
            facts: Progress::load(&given.store, channel::LOG).await?.into(),
            replica: Uuid::new_v4().to_string(),
            store: given.store,
            bus: given.bus,
            clock: given.clock,
            channel: given.channel,
            settings: given.settings,
            tasks: given.tasks,
            stop: given.stop,
        });
        let tasks = &service.tasks;
        tasks.spawn(announce_all(service.clone(), announcements));
        tasks.spawn(crate::commit::commit_all(service.clone(), sends));
        tasks.spawn(crate::consumers::channel::consume(service.clone()));
        tasks.spawn(prune(service.clone()));
        tasks.spawn(crate::sweep::run(service.clone()));
        if let Some(client) = given.link_preview {
            tasks.spawn(crate::previews::run(service.clone(), client));
        }
        Ok(service)
    }

    pub fn now(&self) -> Micros {
        self.clock.now()
    }
}

/// Announces until the service stops. A replica that ends after its last announcement has left nothing
/// untold.
async fn announce_all(service: Arc<Service>, announcements: Announcements) {
    crate::commit::announce_all(service.clone(), announcements).await;
    crate::sweep::end(&service).await;
}

/// Removes stream entries that nobody can ask for any more.
async fn prune(service: Arc<Service>) {
    let mut tick = tokio::time::interval(PRUNE_EVERY);
    loop {
        tokio::select! {
            () = service.stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let before = service.now() - Duration::from_secs(service.settings.history_s);
        loop {
            match within(PRUNE_LIMIT, prune_once(&service, before)).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "pruning stream logs failed; it is tried again later");
                    break;
                }
            }
        }
    }
}

async fn prune_once(service: &Service, before: Micros) -> parlance_core::Result<u64> {
    let write = service.store.begin_relaxed().await?;
    if !write.is_only_one("prune").await? {
        return Ok(0);
    }
    let removed = entries::prune(write.connection(), before).await?;
    drop(write.commit().await?);
    Ok(removed)
}
