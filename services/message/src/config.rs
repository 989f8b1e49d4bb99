use serde::Deserialize;

/// Section `message` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Most messages in one commit, 1-128.
    pub max_batch: usize,
    /// Sends that may wait for their commit; beyond that a send is refused with OVERLOADED.
    pub max_waiting: usize,
    /// Largest channel in which read positions and receipts are told to everybody.
    pub state_events_max_members: u32,
    /// Seconds that stream entries are kept at least; the newest 100 of a stream stay longer.
    pub history_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_batch: 128, max_waiting: 8192, state_events_max_members: 200, history_s: 24 * 3600 }
    }
}
