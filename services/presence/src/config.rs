use serde::Deserialize;

/// Settings of the service, from section `[realtime]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Who is online is announced to members of channels of at most this many members.
    pub state_events_max_members: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { state_events_max_members: 200 }
    }
}
