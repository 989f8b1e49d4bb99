//! What the operations of this service share.

use std::sync::Arc;

use parlance_bus::Bus;
use parlance_core::{Clock, Micros, NumGenerator};
use parlance_rpc::{AuthClient, ChannelClient, MessageClient, PresenceClient};
use parlance_sql::Store;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::app_providers::AppProviders;
use crate::store::{deliveries, pending};
use crate::{Dependencies, Settings};

pub struct Service {
    pub store: Store,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub auth: AuthClient,
    pub channel: ChannelClient,
    pub presence: PresenceClient,
    pub message: MessageClient,
    pub settings: Settings,
    pub nums: NumGenerator,
    /// The push services of apps, built.
    pub providers: AppProviders,
    /// Rung when there is something to decide …
    pub decider: Notify,
    /// … and when there is something to send.
    pub sender: Notify,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

impl Service {
    pub async fn start(given: Dependencies) -> anyhow::Result<Arc<Self>> {
        let service = Arc::new(Self {
            nums: NumGenerator::random(),
            providers: AppProviders::new(given.store.clone(), &given.master_key, given.providers),
            store: given.store,
            bus: given.bus,
            clock: given.clock,
            auth: given.auth,
            channel: given.channel,
            presence: given.presence,
            message: given.message,
            settings: given.settings,
            decider: Notify::new(),
            sender: Notify::new(),
            tasks: given.tasks,
            stop: given.stop,
        });
        if !service.store.is_shared() {
            // Whatever is held here was held by a process that is no more.
            let write = service.store.begin().await?;
            pending::free_all(write.connection()).await?;
            deliveries::free_all(write.connection()).await?;
            drop(write.commit().await?);
        }
        crate::consumers::start(&service).await?;
        service.tasks.spawn(crate::deciding::run(service.clone()));
        service.tasks.spawn(crate::sending::run(service.clone()));
        service.tasks.spawn(crate::sweep::run(service.clone()));
        Ok(service)
    }

    pub fn now(&self) -> Micros {
        self.clock.now()
    }
}
