use std::sync::Arc;

use parlance_bus::Bus;
use parlance_core::{Clock, Micros};
use parlance_proto::presence::presence_service_server::PresenceServiceServer;
use parlance_rpc::{AuthClient, ChannelClient};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::announce::Announcer;
use crate::config::Settings;
use crate::consumers::message_landed::Watch;
use crate::permission::Permissions;
use crate::rpc::Rpc;
use crate::store::PresenceStore;

/// What the service needs from outside.
pub struct Dependencies {
    /// [`crate::store::MemoryStore`] in one process, [`crate::store::RedisStore`] between several.
    pub store: Arc<dyn PresenceStore>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub channel: ChannelClient,
    pub auth: AuthClient,
    pub settings: Settings,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// What every call of the service shares.
pub struct Presence {
    pub(crate) settings: Settings,
    pub(crate) store: Arc<dyn PresenceStore>,
    pub(crate) announcer: Arc<Announcer>,
    pub(crate) permissions: Permissions,
    pub(crate) watch: Arc<Watch>,
    pub(crate) channel: ChannelClient,
    pub(crate) auth: AuthClient,
    clock: Arc<dyn Clock>,
}

impl Presence {
    /// The service with everything running but the passing of time: [`crate::start`] also sweeps
    /// every second, a test sweeps when it likes.
    pub async fn assemble(dependencies: Dependencies) -> anyhow::Result<Arc<Self>> {
        let Dependencies { store, bus, clock, channel, auth, settings, tasks, stop } = dependencies;
        let max_members = settings.state_events_max_members;
        let announcer = Arc::new(Announcer::new(bus.clone(), clock.clone(), channel.clone(), max_members));
        tasks.spawn(announcer.clone().run(stop.clone()));
        let subscription = bus.subscribe().await?;
        let watch = Arc::new(Watch::new(subscription.topics()));
        let presence = Arc::new(Self {
            settings,
            store,
            announcer,
            permissions: Permissions::default(),
            watch,
            channel,
            auth,
            clock,
        });
        tasks.spawn(crate::consumers::message_landed::run(presence.clone(), subscription, stop));
        Ok(presence)
    }

    /// The generated server around it.
    pub fn server(self: &Arc<Self>) -> PresenceServiceServer<Rpc> {
        PresenceServiceServer::new(Rpc::new(self.clone()))
    }

    pub(crate) fn now(&self) -> Micros {
        self.clock.now()
    }
}
