#![doc = include_str!("../README.md")]

mod batcher;
mod context;
pub mod metadata;
mod method;
mod network;
mod observe;
mod serve;
mod timeout;
mod transport;

pub use batcher::Batcher;
pub use context::Context;
pub use network::{Address, NotAnAddress, network};
pub use serve::{Authenticate, Credentials, Room, Served, serve};
pub use transport::{Transport, in_process};

use parlance_proto::auth::auth_service_client::AuthServiceClient;
use parlance_proto::channel::channel_service_client::ChannelServiceClient;
use parlance_proto::link_preview::link_preview_service_client::LinkPreviewServiceClient;
use parlance_proto::message::message_service_client::MessageServiceClient;
use parlance_proto::notification::notification_service_client::NotificationServiceClient;
use parlance_proto::presence::presence_service_client::PresenceServiceClient;

/// The generated clients, over either transport. Cloning is cheap; each call needs `&mut`.
pub type AuthClient = AuthServiceClient<Transport>;
pub type ChannelClient = ChannelServiceClient<Transport>;
pub type LinkPreviewClient = LinkPreviewServiceClient<Transport>;
pub type MessageClient = MessageServiceClient<Transport>;
pub type NotificationClient = NotificationServiceClient<Transport>;
pub type PresenceClient = PresenceServiceClient<Transport>;
