#![doc = include_str!("README.md")]

pub mod auth;
mod blocks;
pub mod channels;
mod compose;
pub mod convert;
mod devices;
pub mod error;
pub mod events;
mod members;
mod messages;
mod pins;
mod prelude;
mod presence;
mod reactions;
mod realtime;
mod receipts;
pub mod request;
mod session;
mod threads;
mod tokens;
mod users;
mod webpush;
mod workspaces;

use axum::Router;
use axum::routing::{delete, get, patch, post};

use crate::state::Edge;

/// Every route of the dialect, in the order of its documentation.
pub fn routes() -> Router<Edge> {
    Router::new()
        // Tokens
        .route("/tokens", post(tokens::create::handle))
        .route("/tokens/refresh", post(session::refresh::handle))
        .route("/api/auth/connect", post(session::connect::handle))
        .route("/api/auth/refresh", post(session::refresh::handle))
        .route("/api/realtime/subscription-token", post(realtime::subscription_token::handle))
        // Channels
        .route("/api/channels", get(channels::list::handle).post(channels::create::handle))
        .route("/api/channels/unread-count", get(channels::unread_count::handle))
        .route(
            "/api/channels/{id}",
            get(channels::get::handle).patch(channels::update::handle).delete(channels::delete::handle),
        )
        .route("/api/channels/{id}/read", post(channels::mark_read::handle))
        .route("/api/channels/{id}/settings", patch(channels::update_settings::handle))
        .route("/api/channels/{id}/star", patch(channels::update_settings::handle))
        .route("/api/channels/{id}/mute", patch(channels::update_settings::handle))
        .route("/api/channels/{id}/typing", post(channels::set_typing::handle))
        .route("/api/channels/{id}/members", get(members::list::handle).post(members::add::handle))
        .route(
            "/api/channels/{id}/members/{userId}",
            patch(members::update::handle).delete(members::remove::handle),
        )
        .route("/api/channels/{id}/presence", get(presence::channel::handle))
        // Read receipts
        .route("/api/channels/{id}/receipts", post(receipts::create::handle))
        .route("/api/channels/{id}/receipts/messages/{mid}/receipts", get(receipts::list::handle))
        .route("/api/channels/{id}/receipts/query", post(receipts::query::handle))
        .route("/api/channels/{id}/receipts/read-status", get(receipts::read_status::handle))
        // Messages
        .route("/api/channels/{id}/messages", get(messages::list::handle).post(messages::send::handle))
        .route(
            "/api/channels/{id}/messages/{mid}",
            get(messages::get::handle).patch(messages::edit::handle).delete(messages::delete::handle),
        )
        .route("/api/messages/{mid}", get(messages::get::handle_lone))
        .route(
            "/api/channels/{id}/messages/{mid}/thread",
            get(threads::list::handle).post(threads::reply::handle),
        )
        .route("/api/channels/{id}/messages/{mid}/thread/participants", get(threads::participants::handle))
        // Reactions
        .route("/api/channels/{id}/messages/{mid}/reactions", post(reactions::add::handle))
        .route("/api/channels/{id}/messages/{mid}/reactions/{emoji}", delete(reactions::remove::handle))
        // Pins
        .route("/api/channels/{id}/messages/{mid}/pin", post(pins::add::handle).delete(pins::remove::handle))
        .route("/api/channels/{id}/pins", get(pins::list::handle))
        // Workspaces
        .route("/api/workspaces", get(workspaces::list::handle).post(workspaces::create::handle))
        .route(
            "/api/workspaces/invites/{token}",
            get(workspaces::accept::handle).post(workspaces::accept::handle),
        )
        .route("/api/workspaces/invites/{token}/accept", post(workspaces::accept::handle))
        .route(
            "/api/workspaces/{wid}",
            get(workspaces::get::handle)
                .patch(workspaces::update::handle)
                .put(workspaces::update::handle)
                .delete(workspaces::delete::handle),
        )
        .route("/api/workspaces/{wid}/channels", get(workspaces::channels::handle))
        .route("/api/workspaces/{wid}/invite", post(workspaces::invite::handle))
        .route(
            "/api/workspaces/{wid}/members",
            get(workspaces::members::list::handle).post(workspaces::members::add::handle),
        )
        .route(
            "/api/workspaces/{wid}/members/{userId}",
            patch(workspaces::members::update::handle).delete(workspaces::members::remove::handle),
        )
        // Users
        .route("/api/users", get(users::list::handle))
        .route("/api/users/me", get(users::me::get).patch(users::me::update))
        .route("/api/users/sync", post(users::sync::handle))
        .route("/api/users/bulk-delete", post(users::bulk_delete::handle))
        .route(
            "/api/users/{userId}",
            get(users::get::handle).put(users::update::handle).delete(users::delete::handle),
        )
        // Blocks
        .route("/api/users/me/blocked", get(blocks::list::handle))
        .route("/api/users/{userId}/block", post(blocks::add::handle).delete(blocks::remove::handle))
        // Devices
        .route("/api/devices", post(devices::register::handle))
        .route(
            "/api/devices/preferences",
            get(devices::get_preferences::handle).patch(devices::update_preferences::handle),
        )
        .route("/api/devices/{deviceId}", delete(devices::remove::handle))
        .route("/api/webpush/vapid-key", get(webpush::vapid_key::handle))
        .route("/api/webpush/subscribe", post(webpush::subscribe::handle))
        .route("/api/webpush/unsubscribe", post(webpush::unsubscribe::handle))
        .route("/api/webpush/test", post(webpush::test::handle))
        // Presence
        .route("/api/presence", post(presence::set::handle))
        .route("/api/presence/heartbeat", post(presence::heartbeat::handle))
        .route("/api/presence/online", post(presence::online::handle))
        .route("/api/presence/offline", post(presence::offline::handle))
        .route("/api/presence/query", post(presence::query::handle))
}
