#![doc = include_str!("README.md")]

pub mod auth;
mod blocks;
pub mod channels;
mod compose;
pub mod convert;
mod describe;
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
pub mod schema;
mod session;
mod table;
mod threads;
mod tokens;
mod users;
mod webpush;
mod workspaces;

use axum::Router;
use utoipa::openapi::OpenApi;

use crate::config::ChatSdkSettings;
use crate::state::Edge;
use table::{Table, routes};

/// The routes of the dialect.
pub fn router() -> Router<Edge> {
    table().into_router()
}

/// The description of the dialect, for an installation with these settings.
pub fn description(settings: &ChatSdkSettings) -> OpenApi {
    describe::document(&table(), settings.require_api_key)
}

/// Every route of the dialect, in the order of its documentation.
fn table() -> Table {
    Table::default()
        .section("Tokens", "Users sign in through the app's backend, which holds the secret key.")
        .route("/tokens", routes!(tokens::create))
        .alias("/tokens/refresh", "tokens.refresh", routes!(session::refresh))
        .route("/api/auth/connect", routes!(session::connect))
        .route("/api/auth/refresh", routes!(session::refresh))
        .route("/api/realtime/subscription-token", routes!(realtime::subscription_token))
        .section("Channels", "Where people talk: two of them, a group, or everybody.")
        .route("/api/channels", routes!(channels::list, channels::create))
        .route("/api/channels/unread-count", routes!(channels::unread_count))
        .route("/api/channels/{id}", routes!(channels::get, channels::update, channels::delete))
        .route("/api/channels/{id}/read", routes!(channels::mark_read))
        .route("/api/channels/{id}/settings", routes!(channels::update_settings))
        .alias("/api/channels/{id}/star", "channels.star", routes!(channels::update_settings))
        .alias("/api/channels/{id}/mute", "channels.mute", routes!(channels::update_settings))
        .route("/api/channels/{id}/typing", routes!(channels::set_typing))
        .route("/api/channels/{id}/members", routes!(members::list, members::add))
        .route("/api/channels/{id}/members/{userId}", routes!(members::update, members::remove))
        .route("/api/channels/{id}/presence", routes!(presence::channel))
        .section("Read receipts", "Who has read what.")
        .route("/api/channels/{id}/receipts", routes!(receipts::create))
        .route("/api/channels/{id}/receipts/messages/{mid}/receipts", routes!(receipts::list))
        .route("/api/channels/{id}/receipts/query", routes!(receipts::query))
        .route("/api/channels/{id}/receipts/read-status", routes!(receipts::read_status))
        .section("Messages", "What people write, and threads of replies to it.")
        .route("/api/channels/{id}/messages", routes!(messages::list, messages::send))
        .route("/api/channels/{id}/messages/{mid}", routes!(messages::get, messages::edit, messages::delete))
        .route("/api/messages/{mid}", routes!(messages::get_lone))
        .route("/api/channels/{id}/messages/{mid}/thread", routes!(threads::list, threads::reply))
        .route("/api/channels/{id}/messages/{mid}/thread/participants", routes!(threads::participants))
        .section("Reactions", "An emoji under a message.")
        .route("/api/channels/{id}/messages/{mid}/reactions", routes!(reactions::add))
        .route("/api/channels/{id}/messages/{mid}/reactions/{emoji}", routes!(reactions::remove))
        .section("Pins", "Messages that a channel keeps in sight.")
        .route("/api/channels/{id}/messages/{mid}/pin", routes!(pins::add, pins::remove))
        .route("/api/channels/{id}/pins", routes!(pins::list))
        .section("Workspaces", "Teams, and those who belong to them.")
        .route("/api/workspaces", routes!(workspaces::list, workspaces::create))
        .route("/api/workspaces/invites/{token}", routes!(workspaces::open_invite))
        .route("/api/workspaces/invites/{token}/accept", routes!(workspaces::accept))
        .route("/api/workspaces/{wid}", routes!(workspaces::get, workspaces::update, workspaces::delete))
        .route("/api/workspaces/{wid}/channels", routes!(workspaces::channels))
        .route("/api/workspaces/{wid}/invite", routes!(workspaces::invite))
        .route("/api/workspaces/{wid}/members", routes!(workspaces::members::list, workspaces::members::add))
        .route(
            "/api/workspaces/{wid}/members/{userId}",
            routes!(workspaces::members::update, workspaces::members::remove),
        )
        .section("Users", "The people of an app; its backend makes and erases them.")
        .route("/api/users", routes!(users::list))
        .route("/api/users/me", routes!(users::get_me, users::update_me))
        .route("/api/users/sync", routes!(users::sync))
        .route("/api/users/bulk-delete", routes!(users::bulk_delete))
        .route("/api/users/{userId}", routes!(users::get, users::update, users::delete))
        .section("Blocks", "Whom one does not want to hear of.")
        .route("/api/users/me/blocked", routes!(blocks::list))
        .route("/api/users/{userId}/block", routes!(blocks::add, blocks::remove))
        .section("Devices", "Where notifications go.")
        .route("/api/devices", routes!(devices::register))
        .route("/api/devices/preferences", routes!(devices::get_preferences, devices::update_preferences))
        .route("/api/devices/{deviceId}", routes!(devices::remove))
        .route("/api/webpush/vapid-key", routes!(webpush::vapid_key))
        .route("/api/webpush/subscribe", routes!(webpush::subscribe))
        .route("/api/webpush/unsubscribe", routes!(webpush::unsubscribe))
        .route("/api/webpush/test", routes!(webpush::test))
        .section("Presence", "Who is there.")
        .route("/api/presence", routes!(presence::set))
        .route("/api/presence/heartbeat", routes!(presence::heartbeat))
        .route("/api/presence/online", routes!(presence::online))
        .route("/api/presence/offline", routes!(presence::offline))
        .route("/api/presence/query", routes!(presence::query))
}
