use std::sync::Arc;
use std::time::{Duration, Instant};

use parlance_bus::Bus;
use parlance_core::Clock;
use parlance_rpc::{AuthClient, ChannelClient, MessageClient, NotificationClient, PresenceClient};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::activity::Activity;
use crate::config::Settings;
use crate::directory::Directory;
use crate::hub::Hub;
use crate::identity::Identity;
use crate::middleware::client_ip::Proxies;
use crate::middleware::cors::Origins;
use crate::middleware::limits::{Limits, LimitsBackend};

/// What a gateway needs from outside.
pub struct Dependencies {
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    pub bus: Arc<dyn Bus>,
    /// Whether there may be other gateways, which change what this one remembers.
    pub has_siblings: bool,
    pub auth: AuthClient,
    pub channel: ChannelClient,
    pub message: MessageClient,
    pub presence: PresenceClient,
    /// The API key of the page at `/`, which is served only with one: in development.
    pub page_key: Option<&'static str>,
    pub notification: NotificationClient,
    /// Where rate limits are counted.
    pub limits: LimitsBackend,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// What every handler and socket of a gateway shares. Cloning is cheap.
#[derive(Clone)]
pub struct Edge(Arc<Shared>);

struct Shared {
    dependencies: Dependencies,
    activity: Activity,
    directory: Directory,
    identity: Identity,
    hub: Hub,
    limits: Limits,
    proxies: Proxies,
    origins: Origins,
    started: Instant,
}

impl Edge {
    pub(crate) async fn new(dependencies: Dependencies) -> anyhow::Result<Self> {
        let activity = Activity::new(dependencies.presence.clone(), dependencies.tasks.clone());
        let directory = Directory::new(dependencies.auth.clone(), dependencies.has_siblings);
        let identity = Identity::new(dependencies.auth.clone(), dependencies.clock.clone());
        let hub = Hub::new(&dependencies.settings);
        let limits = Limits::new(&dependencies.settings.rate_limits, &dependencies.limits);
        let proxies = Proxies::new(&dependencies.settings.gateway.trusted_proxies)?;
        let origins = Origins::new(&dependencies.settings.gateway.allowed_origins);
        let started = Instant::now();
        let edge = Self(Arc::new(Shared {
            dependencies,
            activity,
            directory,
            identity,
            hub,
            limits,
            proxies,
            origins,
            started,
        }));
        edge.hub().start(edge.clone()).await?;
        let sweeper = edge.clone();
        edge.tasks().spawn(async move { sweeper.limits().sweep(sweeper.stop().clone()).await });
        Ok(edge)
    }

    pub fn settings(&self) -> &Settings {
        &self.0.dependencies.settings
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.0.dependencies.clock
    }

    pub fn bus(&self) -> &dyn Bus {
        &*self.0.dependencies.bus
    }

    /// A client of the auth service (cheap clone; calls need `&mut`).
    pub fn auth(&self) -> AuthClient {
        self.0.dependencies.auth.clone()
    }

    pub fn channel(&self) -> ChannelClient {
        self.0.dependencies.channel.clone()
    }

    pub fn message(&self) -> MessageClient {
        self.0.dependencies.message.clone()
    }

    pub fn presence(&self) -> PresenceClient {
        self.0.dependencies.presence.clone()
    }

    pub fn notification(&self) -> NotificationClient {
        self.0.dependencies.notification.clone()
    }

    /// Signs of life of users, for presence.
    pub(crate) fn activity(&self) -> &Activity {
        &self.0.activity
    }

    /// Users by num, cached.
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// API keys and tokens, verified and cached.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// Live subscriptions.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub fn tasks(&self) -> &TaskTracker {
        &self.0.dependencies.tasks
    }

    /// Cancelled when the gateway stops.
    pub fn stop(&self) -> &CancellationToken {
        &self.0.dependencies.stop
    }

    /// The API key that the page at `/` is given; `None` = there is no page.
    pub(crate) fn page_key(&self) -> Option<&'static str> {
        self.0.dependencies.page_key
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The proxies whose word about a client's address counts.
    pub(crate) fn proxies(&self) -> &Proxies {
        &self.0.proxies
    }

    /// The origins of browser pages that may call.
    pub(crate) fn origins(&self) -> &Origins {
        &self.0.origins
    }

    /// Time since the start.
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }
}
