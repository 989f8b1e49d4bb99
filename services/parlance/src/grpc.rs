//! The gRPC listener: the services of this process for other roles and for callers from outside, with
//! health and reflection.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use parlance_auth::Rpc as Auth;
use parlance_channel::Rpc as Channel;
use parlance_link_preview::Rpc as LinkPreview;
use parlance_message::Rpc as Message;
use parlance_notification::Rpc as Notification;
use parlance_presence::Rpc as Presence;
use parlance_proto::auth::auth_service_server::AuthServiceServer;
use parlance_proto::channel::channel_service_server::ChannelServiceServer;
use parlance_proto::link_preview::link_preview_service_server::LinkPreviewServiceServer;
use parlance_proto::message::message_service_server::MessageServiceServer;
use parlance_proto::notification::notification_service_server::NotificationServiceServer;
use parlance_proto::presence::presence_service_server::PresenceServiceServer;
use parlance_rpc::{Authenticate, Room, Served, serve};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService as _;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tonic_reflection::server::Builder;

/// A caller that does not answer a ping within this time is gone.
const PING: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(10);
/// Most calls that one connection may have open.
const MAX_STREAMS: u32 = 4096;
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;

/// The generated servers of the services that run here. Cloning shares the services.
#[derive(Clone, Default)]
pub(crate) struct Servers {
    pub(crate) auth: Option<AuthServiceServer<Auth>>,
    pub(crate) channel: Option<ChannelServiceServer<Channel>>,
    pub(crate) presence: Option<PresenceServiceServer<Presence>>,
    pub(crate) message: Option<MessageServiceServer<Message>>,
    pub(crate) link_preview: Option<LinkPreviewServiceServer<LinkPreview>>,
    pub(crate) notification: Option<NotificationServiceServer<Notification>>,
}

/// Who may come in, and how many at once.
pub(crate) struct Guard {
    /// Tells who callers from outside are.
    pub(crate) authenticate: Authenticate,
    /// Beside it the caller metadata of our own services is believed.
    pub(crate) secret: Option<Arc<str>>,
    /// The one before, while it is being replaced.
    pub(crate) previous_secret: Option<Arc<str>>,
    /// Most calls under way, of all services together.
    pub(crate) max_in_flight: usize,
}

impl Guard {
    fn before<S>(&self, server: Option<S>, room: &Room) -> Option<Served<S>> {
        let guarded = serve(server?, Some(self.authenticate.clone()), self.secret.clone());
        Some(guarded.with_previous_secret(self.previous_secret.clone()).with_room(room.clone()))
    }
}

/// A running listener.
pub(crate) struct Listening {
    health: HealthReporter,
    names: Vec<&'static str>,
    room: Room,
    closing: CancellationToken,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// Serves on a bound listener.
pub(crate) async fn listen(
    listener: TcpListener,
    servers: Servers,
    guard: Guard,
) -> anyhow::Result<Listening> {
    let (health, health_server) = tonic_health::server::health_reporter();
    let mut names = vec![""];
    names.extend(servers.auth.as_ref().map(|_| AuthServiceServer::<Auth>::NAME));
    names.extend(servers.channel.as_ref().map(|_| ChannelServiceServer::<Channel>::NAME));
    names.extend(servers.presence.as_ref().map(|_| PresenceServiceServer::<Presence>::NAME));
    names.extend(servers.message.as_ref().map(|_| MessageServiceServer::<Message>::NAME));
    names.extend(servers.link_preview.as_ref().map(|_| LinkPreviewServiceServer::<LinkPreview>::NAME));
    names.extend(servers.notification.as_ref().map(|_| NotificationServiceServer::<Notification>::NAME));
    for name in &names {
        health.set_service_status(*name, ServingStatus::Serving).await;
    }

    let room = Room::new(guard.max_in_flight);
    let closing = CancellationToken::new();
    let router = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(PING))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .add_service(health_server)
        .add_service(reflection().build_v1().context("gRPC reflection")?)
        .add_service(reflection().build_v1alpha().context("gRPC reflection")?)
        .add_optional_service(guard.before(servers.auth, &room))
        .add_optional_service(guard.before(servers.channel, &room))
        .add_optional_service(guard.before(servers.presence, &room))
        .add_optional_service(guard.before(servers.message, &room))
        .add_optional_service(guard.before(servers.link_preview, &room))
        .add_optional_service(guard.before(servers.notification, &room));
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let until = closing.clone().cancelled_owned();
    let serving = tokio::spawn(router.serve_with_incoming_shutdown(incoming, until));
    Ok(Listening { health, names, room, closing, serving })
}

impl Listening {
    /// Tells health checkers that this process is going.
    pub(crate) async fn drain(&self) {
        for name in &self.names {
            self.health.set_service_status(*name, ServingStatus::NotServing).await;
        }
    }

    /// Accepts no more calls.
    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    /// Waits until all calls but streams have been answered, at most `patience`.
    pub(crate) async fn answered(&self, patience: Duration) {
        let deadline = tokio::time::Instant::now() + patience;
        while self.room.taken() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(TICK).await;
        }
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
