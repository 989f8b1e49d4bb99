//! Devices, and what their owners want to be told.

pub mod get_preferences;
pub mod register;
pub mod remove;
pub mod update_preferences;

use parlance_proto::notification;

use super::prelude::*;
use super::schema::{Clock, Timezone};

/// What a user wants to be told; times as HH:MM in `timezone`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preferences {
    push_enabled: bool,
    new_messages: bool,
    mentions: bool,
    reactions: bool,
    channel_invites: bool,
    thread_replies: bool,
    quiet_hours_enabled: bool,
    #[schema(value_type = Clock)]
    quiet_hours_start: String,
    #[schema(value_type = Clock)]
    quiet_hours_end: String,
    #[schema(value_type = Timezone)]
    timezone: String,
}

impl From<notification::Preferences> for Preferences {
    fn from(given: notification::Preferences) -> Self {
        Self {
            push_enabled: given.push_enabled,
            new_messages: given.new_messages,
            mentions: given.mentions,
            reactions: given.reactions,
            channel_invites: given.channel_invites,
            thread_replies: given.thread_replies,
            quiet_hours_enabled: given.quiet_hours_enabled,
            quiet_hours_start: given.quiet_hours_start,
            quiet_hours_end: given.quiet_hours_end,
            timezone: given.timezone,
        }
    }
}
