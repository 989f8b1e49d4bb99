//! The whole of Parlance in one process.
//!
//! Services hold the ordinary generated clients of each other; here, and only here, it is decided
//! that what is under a client is the server object of this process.

use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Bus, MemoryBus, observed};
use parlance_core::{Clock, SystemClock};
use parlance_gateway::Gateway;
use parlance_rpc::{AuthClient, ChannelClient, MessageClient, PresenceClient, Transport, in_process, serve};
use parlance_telemetry::{Export, Metrics};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authenticate::authenticate;
use crate::config::Config;
use crate::data_dir::{Addresses, DataDir, Locked};
use crate::grpc::{self, Servers};
use crate::http::{Listeners, bind};
use crate::ops::Ops;
use crate::stores::Stores;
use crate::{apps, limits, master_key};

/// What this process is, in metrics and traces.
const ROLE: &str = "serve";
/// Time that requests in flight have once nothing new is accepted.
const FINISH: Duration = Duration::from_secs(10);
/// Time that open gRPC calls have before their services stop (a `Follow` ends only then), and after.
const CUT_OFF: Duration = Duration::from_secs(2);

/// A serving process.
pub struct Running {
    addresses: Addresses,
    has_dev_app: bool,
    drain: Duration,
    data: Locked,
    stores: Stores,
    ops: Ops,
    gateway: Gateway,
    listeners: Listeners,
    grpc: Option<grpc::Listening>,
    tasks: TaskTracker,
    stop: CancellationToken,
    export: Option<Export>,
}

/// Brings everything up, from the stores to the listeners. Returns when clients are served.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    // The ground: a folder of our own, a key, a clock, a bus, a way to stop.
    let max_connections = limits::raise_open_files();
    let data = DataDir::open(&config.data_dir)?.lock()?;
    let master_key = master_key::load(&config, &data)?;
    let metrics = Metrics::install()?;
    metrics.register(ROLE);
    let export = Export::start(&config.telemetry, ROLE, metrics.clone())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let bus: Arc<dyn Bus> = observed(Arc::new(MemoryBus::new()));
    let tasks = TaskTracker::new();
    let stop = CancellationToken::new();
    tasks.spawn(metrics.clone().upkeep(stop.clone()));

    // The stores, with their tables up to date.
    let stores = Stores::open(&config, &data).await?;
    stores.migrate().await?;

    // The services by rank: each is given clients of lower ones only.
    let max = config.grpc.max_message_bytes;
    let auth_server = parlance_auth::start(parlance_auth::Dependencies {
        store: stores.auth.clone(),
        bus: bus.clone(),
        clock: clock.clone(),
        master_key,
        tasks: tasks.clone(),
        stop: stop.clone(),
    })
    .await?
    .max_decoding_message_size(max);
    let auth = AuthClient::new(local(&auth_server)).max_decoding_message_size(max);
    let has_dev_app = apps::prepare(&config, &auth).await?;

    let channel_server = parlance_channel::start(parlance_channel::Dependencies {
        store: stores.channel.clone(),
        bus: bus.clone(),
        clock: clock.clone(),
        auth: auth.clone(),
        tasks: tasks.clone(),
        stop: stop.clone(),
    })
    .await?
    .max_decoding_message_size(max);
    let channel = ChannelClient::new(local(&channel_server)).max_decoding_message_size(max);

    let presence_server = parlance_presence::start(parlance_presence::Dependencies {
        bus: bus.clone(),
        clock: clock.clone(),
        channel: channel.clone(),
        auth: auth.clone(),
        settings: config.presence_settings(),
        tasks: tasks.clone(),
        stop: stop.clone(),
    })
    .await?
    .max_decoding_message_size(max);
    let presence = PresenceClient::new(local(&presence_server)).max_decoding_message_size(max);

    let message_server = parlance_message::start(parlance_message::Dependencies {
        store: stores.message.clone(),
        bus: bus.clone(),
        clock: clock.clone(),
        channel: channel.clone(),
        settings: config.message_settings(),
        tasks: tasks.clone(),
        stop: stop.clone(),
    })
    .await?
    .max_decoding_message_size(max);
    let message = MessageClient::new(local(&message_server)).max_decoding_message_size(max);

    // The edge.
    let gateway = parlance_gateway::start(parlance_gateway::Dependencies {
        settings: config.gateway_settings(),
        clock,
        bus: bus.clone(),
        auth: auth.clone(),
        channel,
        message,
        presence,
        tasks: tasks.clone(),
        stop: stop.clone(),
    })
    .await?;

    // The listeners: all are bound before the first one answers.
    let ops = Ops::new(stores.clone(), bus, metrics);
    let rest = bind("gateway.listen", &config.gateway.own.listen).await?;
    let realtime = bind_if_set("gateway.realtime_listen", &config.gateway.own.realtime_listen).await?;
    let own_ops = bind_if_set("ops.listen", &config.ops.listen).await?;
    let grpc = bind_if_set("grpc.listen", &config.grpc.listen).await?;
    let addresses = Addresses {
        rest: rest.1,
        realtime: realtime.as_ref().map(|bound| bound.1),
        grpc: grpc.as_ref().map(|bound| bound.1),
        ops: own_ops.as_ref().map(|bound| bound.1),
    };

    let listeners = Listeners::new(max_connections);
    match own_ops {
        Some((listener, _)) => {
            listeners.serve(listener, ops.router());
            listeners.serve(rest.0, gateway.router());
        }
        None => listeners.serve(rest.0, gateway.router().merge(ops.routes())),
    }
    if let Some((listener, _)) = realtime {
        listeners.serve(listener, gateway.realtime_router());
    }
    let grpc = match grpc {
        Some((listener, _)) => {
            let servers = Servers {
                auth: auth_server,
                channel: channel_server,
                presence: presence_server,
                message: message_server,
            };
            let secret = config.grpc.secret.expose().map(Arc::from);
            Some(grpc::listen(listener, servers, authenticate(auth), secret).await?)
        }
        None => None,
    };

    data.publish(&addresses)?;
    let drain = config.drain();
    Ok(Running {
        addresses,
        has_dev_app,
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
    let data = DataDir::open(&config.data_dir)?.lock()?;
    let stores = Stores::open(config, &data).await?;
    stores.migrate().await?;
    stores.close().await;
    Ok(())
}

impl Running {
    /// Where the process listens, as bound.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Whether the development app is served.
    pub fn has_dev_app(&self) -> bool {
        self.has_dev_app
    }

    /// What a newcomer needs next, for people.
    pub fn welcome(&self) -> String {
        crate::welcome::text(&self.addresses, self.has_dev_app)
    }

    /// Ends in the order in which nothing is lost: says that it is going, closes the sockets with a
    /// reconnect code, finishes what is in flight, then stops the services and closes their stores.
    pub async fn stop(mut self) {
        self.ops.drain();
        if let Some(grpc) = &self.grpc {
            grpc.drain().await;
        }
        self.gateway.drain(self.drain).await;

        if let Some(grpc) = &self.grpc {
            grpc.close();
        }
        self.listeners.close(FINISH).await;
        if let Some(grpc) = &mut self.grpc {
            grpc.finished(CUT_OFF).await;
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
        self.data.unpublish();
    }
}

/// Under a client: the server of this process.
fn local<S>(server: &S) -> Transport
where
    S: tower::Service<
            axum::http::Request<tonic::body::Body>,
            Response = axum::http::Response<tonic::body::Body>,
            Error = std::convert::Infallible,
        > + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    in_process(serve(server.clone(), None, None))
}

async fn bind_if_set(
    setting: &str,
    address: &str,
) -> anyhow::Result<Option<(tokio::net::TcpListener, std::net::SocketAddr)>> {
    if address.is_empty() { Ok(None) } else { bind(setting, address).await.map(Some) }
}
