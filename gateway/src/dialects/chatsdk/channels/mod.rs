//! `/api/channels`, and the names that channels have in realtime.

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod mark_read;
mod names;
pub mod set_typing;
pub mod unread_count;
pub mod update;
pub mod update_settings;

pub use names::{Channel, chat, parse, user};

use parlance_proto::channel::ChannelConfigOverrides;
use serde::Deserialize;
use utoipa::ToSchema;

/// Switches of a channel, each optional.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigInput {
    typing_events: Option<bool>,
    read_events: Option<bool>,
    reactions: Option<bool>,
    replies: Option<bool>,
    private: Option<bool>,
}

impl From<ConfigInput> for ChannelConfigOverrides {
    fn from(input: ConfigInput) -> Self {
        Self {
            typing_events: input.typing_events,
            read_events: input.read_events,
            reactions: input.reactions,
            replies: input.replies,
            private: input.private,
        }
    }
}
