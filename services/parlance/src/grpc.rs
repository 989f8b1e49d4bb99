//! The gRPC listener: every service for callers from outside, with health and reflection.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use parlance_auth::Rpc as Auth;
use parlance_channel::Rpc as Channel;
use parlance_message::Rpc as Message;
use parlance_presence::Rpc as Presence;
use parlance_proto::auth::auth_service_server::AuthServiceServer;
use parlance_proto::channel::channel_service_server::ChannelServiceServer;
use parlance_proto::message::message_service_server::MessageServiceServer;
use parlance_proto::presence::presence_service_server::PresenceServiceServer;
use parlance_rpc::{Authenticate, serve};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic_health::server::HealthReporter;
use tonic_reflection::server::Builder;

/// A caller that does not answer a ping within this time is gone.
const PING: Duration = Duration::from_secs(30);
/// Most calls that one connection may have open.
const MAX_STREAMS: u32 = 1024;

/// The generated servers of all services. Cloning shares the services.
#[derive(Clone)]
pub(crate) struct Servers {
    pub(crate) auth: AuthServiceServer<Auth>,
    pub(crate) channel: ChannelServiceServer<Channel>,
    pub(crate) presence: PresenceServiceServer<Presence>,
    pub(crate) message: MessageServiceServer<Message>,
}

/// A running listener.
pub(crate) struct Listening {
    health: HealthReporter,
    closing: CancellationToken,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// Serves on a bound listener. Callers are asked of `authenticate` unless they bring `secret`.
pub(crate) async fn listen(
    listener: TcpListener,
    servers: Servers,
    authenticate: Authenticate,
    secret: Option<Arc<str>>,
) -> anyhow::Result<Listening> {
    let outside = Some(authenticate);
    let (health, health_server) = tonic_health::server::health_reporter();
    health.set_serving::<AuthServiceServer<Auth>>().await;
    health.set_serving::<ChannelServiceServer<Channel>>().await;
    health.set_serving::<PresenceServiceServer<Presence>>().await;
    health.set_serving::<MessageServiceServer<Message>>().await;

    let closing = CancellationToken::new();
    let router = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(PING))
        .max_concurrent_streams(MAX_STREAMS)
        .add_service(health_server)
        .add_service(reflection().build_v1().context("gRPC reflection")?)
        .add_service(reflection().build_v1alpha().context("gRPC reflection")?)
        .add_service(serve(servers.auth, outside.clone(), secret.clone()))
        .add_service(serve(servers.channel, outside.clone(), secret.clone()))
        .add_service(serve(servers.presence, outside.clone(), secret.clone()))
        .add_service(serve(servers.message, outside, secret));
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let until = closing.clone().cancelled_owned();
    let serving = tokio::spawn(router.serve_with_incoming_shutdown(incoming, until));
    Ok(Listening { health, closing, serving })
}

impl Listening {
    /// Tells health checkers that this process is going.
    pub(crate) async fn drain(&self) {
        self.health.set_not_serving::<AuthServiceServer<Auth>>().await;
        self.health.set_not_serving::<ChannelServiceServer<Channel>>().await;
        self.health.set_not_serving::<PresenceServiceServer<Presence>>().await;
        self.health.set_not_serving::<MessageServiceServer<Message>>().await;
        self.health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    }

    /// Accepts no more calls.
    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    /// Waits for the open calls, at most `patience`; says whether all have ended.
    pub(crate) async fn finished(&mut self, patience: Duration) -> bool {
        if self.serving.is_finished() {
            return true;
        }
        match tokio::time::timeout(patience, &mut self.serving).await {
            Ok(Ok(Ok(()))) => true,
            Ok(Ok(Err(cause))) => {
                tracing::error!(%cause, "the gRPC listener failed");
                true
            }
            Ok(Err(cause)) => {
                tracing::error!(%cause, "the gRPC listener failed");
                true
            }
            Err(_) => false,
        }
    }

    /// Cuts off what is still open.
    pub(crate) fn abort(&self) {
        if !self.serving.is_finished() {
            tracing::warn!("gRPC calls were cut off");
            self.serving.abort();
        }
    }
}

fn reflection() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(parlance_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
