//! The composition root: from settings to a serving process, whatever its role.
//!
//! Services hold the ordinary generated clients of each other. Here, and only here, it is decided what
//! is under a client: the server object of this process, or the network.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Bus, MemoryBus, RedisBus, observed};
use parlance_core::{Clock, SystemClock};
use parlance_gateway::{Gateway, LimitsBackend};
use parlance_presence::store::{MemoryStore, PresenceStore, RedisStore};
use parlance_redis::Redis;
use parlance_rpc::{
    AuthClient, ChannelClient, LinkPreviewClient, MessageClient, NotificationClient, PresenceClient,
    Transport, in_process, network, serve,
};
use parlance_telemetry::{Export, Metrics};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authenticate::authenticate;
use crate::config::Config;
use crate::data_dir::{Addresses, DataDir, Locked};
use crate::grpc::{self, Servers};
use crate::http::{Listeners, bind};
use crate::ops::{Ops, Upstream};
use crate::role::Role;
use crate::stores::Stores;
use crate::{apps, limits, master_key};

/// Time that requests in flight have once nothing new is accepted.
const FINISH: Duration = Duration::from_secs(10);
/// Time that streams (`Follow`) have to end once their services stop.
const CUT_OFF: Duration = Duration::from_secs(2);

/// A serving process.
pub struct Running {
    addresses: Addresses,
    has_dev_app: bool,
    has_page: bool,
    drain: Duration,
    data: Option<Locked>,
    stores: Stores,
    ops: Ops,
    gateway: Option<Gateway>,
    listeners: Listeners,
    grpc: Option<grpc::Listening>,
    tasks: TaskTracker,
    stop: CancellationToken,
    export: Option<Export>,
}

/// Brings a role up, from its stores to its listeners. Returns when it serves.
pub async fn start(config: Config, role: Role) -> anyhow::Result<Running> {
    role.check(&config)?;

    // The ground: a clock, a bus, a way to stop; one program alone also has a folder of its own.
    let max_connections = limits::raise_open_files();
    let data = match role {
        Role::All => Some(DataDir::open(&config.data_dir)?.lock()?),
        _ => None,
    };
    let metrics = Metrics::install()?;
    metrics.register(role.name());
    let export = Export::start(&config.telemetry, role.name(), metrics.clone())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let redis = redis(&config)?;
    let bus: Arc<dyn Bus> = observed(match &redis {
        Some(redis) => Arc::new(RedisBus::new(redis.clone())),
        None => Arc::new(MemoryBus::new()),
    });
    let tasks = TaskTracker::new();
    let stop = CancellationToken::new();
    tasks.spawn(metrics.clone().upkeep(stop.clone()));
    let mut ground = Ground { config: &config, role, tasks: &tasks, stop: &stop, upstreams: Vec::new() };

    // The stores, with their tables up to date.
    let stores = Stores::open(&config, data.as_deref(), role).await?;
    if config.database.migrate {
        stores.migrate().await?;
    }

    // The services by rank: each is given clients of lower ones only.
    let max = config.grpc.max_message_bytes;
    let mut servers = Servers::default();
    if let Some(store) = &stores.auth {
        let dependencies = parlance_auth::Dependencies {
            store: store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            master_key: master_key::load(&config, data.as_deref())?,
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        servers.auth = Some(parlance_auth::start(dependencies).await?.max_decoding_message_size(max));
    }
    let auth = AuthClient::new(ground.transport(Role::Auth, &servers.auth).await?);
    let auth = auth.max_decoding_message_size(max);
    let has_dev_app = role.runs(Role::Auth) && apps::prepare(&config, &auth).await?;

    if let Some(store) = &stores.link_preview {
        let dependencies = parlance_link_preview::Dependencies {
            store: store.clone(),
            clock: clock.clone(),
            settings: config.link_preview.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        let server = parlance_link_preview::start(dependencies).await?;
        servers.link_preview = Some(server.max_decoding_message_size(max));
    }
    let link_preview = match config.link_preview.enabled {
        true => {
            let transport = ground.transport(Role::LinkPreview, &servers.link_preview).await?;
            Some(LinkPreviewClient::new(transport).max_decoding_message_size(max))
        }
        false => None,
    };

    if let Some(store) = &stores.channel {
        let dependencies = parlance_channel::Dependencies {
            store: store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            auth: auth.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        servers.channel = Some(parlance_channel::start(dependencies).await?.max_decoding_message_size(max));
    }
    let channel = ChannelClient::new(ground.transport(Role::Channel, &servers.channel).await?);
    let channel = channel.max_decoding_message_size(max);

    if role.runs(Role::Presence) {
        let store: Arc<dyn PresenceStore> = match &redis {
            Some(redis) => Arc::new(RedisStore::new(redis.clone())),
            None => Arc::new(MemoryStore::default()),
        };
        let dependencies = parlance_presence::Dependencies {
            store,
            bus: bus.clone(),
            clock: clock.clone(),
            channel: channel.clone(),
            auth: auth.clone(),
            settings: config.presence_settings(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        servers.presence = Some(parlance_presence::start(dependencies).await?.max_decoding_message_size(max));
    }
    if let Some(store) = &stores.message {
        let dependencies = parlance_message::Dependencies {
            store: store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            channel: channel.clone(),
            link_preview,
            settings: config.message_settings(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        servers.message = Some(parlance_message::start(dependencies).await?.max_decoding_message_size(max));
    }

    let presence = PresenceClient::new(ground.transport(Role::Presence, &servers.presence).await?);
    let presence = presence.max_decoding_message_size(max);
    let message = MessageClient::new(ground.transport(Role::Message, &servers.message).await?);
    let message = message.max_decoding_message_size(max);

    if let Some(store) = &stores.notification {
        let dependencies = parlance_notification::Dependencies {
            store: store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            auth: auth.clone(),
            channel: channel.clone(),
            presence: presence.clone(),
            message: message.clone(),
            master_key: master_key::load(&config, data.as_deref())?,
            settings: config.notification.clone(),
            providers: parlance_notification::provider_factory(&config.notification, clock.clone())?,
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        let server = parlance_notification::start(dependencies).await?;
        servers.notification = Some(server.max_decoding_message_size(max));
    }

    // The edge.
    let gateway = if role.runs(Role::Gateway) {
        let notification = ground.transport(Role::Notification, &servers.notification).await?;
        let dependencies = parlance_gateway::Dependencies {
            settings: config.gateway_settings(),
            clock,
            bus: bus.clone(),
            has_siblings: redis.is_some(),
            page_key: config.is_development().then_some(apps::DEV_API_KEY),
            limits: match &redis {
                Some(redis) => LimitsBackend::Redis(redis.clone()),
                None => LimitsBackend::Local,
            },
            auth: auth.clone(),
            channel,
            message,
            presence,
            notification: NotificationClient::new(notification).max_decoding_message_size(max),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        Some(parlance_gateway::start(dependencies).await?)
    } else {
        None
    };

    // The listeners: all are bound before the first one answers.
    let ops = Ops::new(stores.clone(), bus, metrics, ground.upstreams);
    let edge = gateway.as_ref().map(|_| &config.gateway.own);
    let rest = bind_if_set("gateway.listen", edge.map(|edge| &edge.listen)).await?;
    let realtime = bind_if_set("gateway.realtime_listen", edge.map(|edge| &edge.realtime_listen)).await?;
    let own_ops = bind_if_set("ops.listen", Some(&config.ops.listen)).await?;
    let has_calls = role != Role::Gateway;
    let grpc = bind_if_set("grpc.listen", has_calls.then_some(&config.grpc.listen)).await?;
    let at = |bound: &Option<(TcpListener, SocketAddr)>| bound.as_ref().map(|bound| bound.1);
    let addresses =
        Addresses { rest: at(&rest), realtime: at(&realtime), grpc: at(&grpc), ops: at(&own_ops) };

    let listeners = Listeners::new(max_connections);
    let shows_ops_at_the_edge = own_ops.is_none();
    if let Some((listener, _)) = own_ops {
        listeners.serve(listener, ops.router());
    }
    if let (Some(gateway), Some((listener, _))) = (&gateway, rest) {
        let router = gateway.router();
        let router = if shows_ops_at_the_edge { router.merge(ops.routes()) } else { router };
        listeners.serve(listener, router);
    }
    if let (Some(gateway), Some((listener, _))) = (&gateway, realtime) {
        listeners.serve(listener, gateway.realtime_router());
    }
    let grpc = match grpc {
        Some((listener, _)) => {
            let guard = grpc::Guard {
                authenticate: authenticate(auth),
                secret: config.grpc.secret.expose().map(Arc::from),
                previous_secret: config.grpc.previous_secret.expose().map(Arc::from),
                max_in_flight: config.grpc.max_in_flight,
            };
            Some(grpc::listen(listener, servers, guard).await?)
        }
        None => None,
    };

    if let Some(data) = &data {
        data.publish(&addresses)?;
    }
    let drain = config.drain();
    Ok(Running {
        addresses,
        has_dev_app,
        has_page: has_dev_app && config.is_development(),
        drain,
        data,
        stores,
        ops,
        gateway,
        listeners,
        grpc,
        tasks,
        stop,
        export,
    })
}

/// Brings the tables of all services up to date.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let data = match config.keeps_files() {
        true => Some(DataDir::open(&config.data_dir)?.lock()?),
        false => None,
    };
    let stores = Stores::open(config, data.as_deref(), Role::All).await?;
    stores.migrate().await?;
    stores.close().await;
    Ok(())
}

impl Running {
    /// Where the process listens, as bound.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What a newcomer needs next, for people; nothing unless this is the whole program.
    pub fn welcome(&self) -> String {
        match &self.data {
            Some(_) => crate::welcome::text(&self.addresses, self.has_dev_app, self.has_page),
            None => String::new(),
        }
    }

    /// Ends in the order in which nothing is lost: says that it is going, closes the sockets with a
    /// reconnect code, finishes what is in flight, then stops the services and closes their stores.
    pub async fn stop(mut self) {
        self.ops.drain();
        if let Some(grpc) = &self.grpc {
            grpc.drain().await;
        }
        if let Some(gateway) = &self.gateway {
            gateway.drain(self.drain).await;
        }

        if let Some(grpc) = &self.grpc {
            grpc.close();
        }
        self.listeners.close(FINISH).await;
        if let Some(grpc) = &self.grpc {
            grpc.answered(FINISH).await;
        }

        self.stop.cancel();
        if let Some(grpc) = &mut self.grpc {
            grpc.finished(CUT_OFF).await;
            grpc.abort();
        }
        self.tasks.close();
        if tokio::time::timeout(FINISH, self.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "background work did not end in time");
        }
        self.stores.close().await;
        // Last, so that what the end itself did is told as well.
        if let Some(export) = self.export {
            export.shutdown().await;
        }
        if let Some(data) = &self.data {
            data.unpublish();
        }
    }
}

/// What connects the parts of a process with each other and with other processes.
struct Ground<'a> {
    config: &'a Config,
    role: Role,
    tasks: &'a TaskTracker,
    stop: &'a CancellationToken,
    /// The services in other processes that this one calls.
    upstreams: Vec<Upstream>,
}

impl Ground<'_> {
    /// What is under the clients of `service`: the server of this process, or the network. (A role that
    /// does not call the service gets a network without replicas.)
    async fn transport<S>(&mut self, service: Role, server: &Option<S>) -> anyhow::Result<Transport>
    where
        S: tower::Service<
                axum::http::Request<tonic::body::Body>,
                Response = axum::http::Response<tonic::body::Body>,
                Error = Infallible,
            > + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        if let Some(server) = server {
            return Ok(in_process(serve(server.clone(), None, None)));
        }
        let addresses = match self.role.calls(service) {
            true => self.config.addresses(service).to_vec(),
            false => Vec::new(),
        };
        let secret = self.config.grpc.secret.expose();
        let transport = network(service.name(), addresses, secret, self.tasks, self.stop).await?;
        if self.role.calls(service) {
            self.upstreams.push(Upstream::new(service.name(), transport.clone()));
        }
        Ok(transport)
    }
}

/// The way to Redis, if there is one.
fn redis(config: &Config) -> anyhow::Result<Option<Redis>> {
    let Some(url) = config.redis.url.expose() else { return Ok(None) };
    let settings = parlance_redis::Settings::new(url).with_prefix(&config.redis.prefix);
    Ok(Some(Redis::open(&settings)?))
}

async fn bind_if_set(
    setting: &str,
    address: Option<&String>,
) -> anyhow::Result<Option<(TcpListener, SocketAddr)>> {
    match address.filter(|address| !address.is_empty()) {
        Some(address) => bind(setting, address).await.map(Some),
        None => Ok(None),
    }
}
