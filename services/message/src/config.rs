use serde::Deserialize;

/// Section `message` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Most messages in one commit, 1-128.
    pub max_batch: usize,
    /// Sends that may wait for their commit; beyond that a send is refused with OVERLOADED.
    pub max_waiting: usize,
    /// Streams that may be followed (`Follow`) at once on this replica; more are refused with OVERLOADED.
    pub max_followers: usize,
    /// The same for one caller: a user, or an app's backend. More are refused with RATE_LIMITED.
    pub max_followers_per_caller: usize,
    /// Largest channel in which read positions and receipts are told to everybody.
    pub state_events_max_members: u32,
    /// Seconds that stream entries are kept at least; the newest 100 of a stream stay longer.
    pub history_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_batch: 128,
            max_waiting: 8192,
            max_followers: 1000,
            max_followers_per_caller: 100,
            state_events_max_members: 200,
            history_s: 24 * 3600,
        }
    }
}
