use std::time::Duration;

use serde::Deserialize;

/// Section `notification` of the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Devices that a user may have; beyond that the one not renewed for longest goes.
    pub max_devices: u32,
    /// Whoever has a realtime connection open is not pushed to.
    pub skip_online: bool,
    /// Seconds in which further notifications of one channel to one user are folded into one.
    pub collapse_window_s: u64,
    /// Members of the largest channel whose every message is pushed; in larger ones only mentions, thread
    /// replies, reactions and invites are.
    pub max_fanout_members: u32,
    /// What is older than this many seconds when it is read from the log is not pushed.
    pub max_age_s: u64,
    /// Seconds for which a push service, and our queue, may keep a notification that cannot be delivered.
    pub expire_s: u64,
    /// Tries before a delivery is given up.
    pub max_attempts: u32,
    /// Seconds that a delivery that was given up is kept.
    pub dead_letter_s: u64,
    /// Seconds after which a push service that gives receipts is asked what became of a push.
    pub receipt_after_s: u64,
    /// Whether push services may be at addresses that are not public, and spoken to without TLS: for tests and
    /// closed installations.
    pub allow_private_networks: bool,
}

impl Settings {
    pub(crate) fn collapse_window(&self) -> Duration {
        Duration::from_secs(self.collapse_window_s)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_devices: 20,
            skip_online: true,
            collapse_window_s: 5,
            max_fanout_members: 1000,
            max_age_s: 3600,
            expire_s: 24 * 3600,
            max_attempts: 20,
            dead_letter_s: 7 * 24 * 3600,
            receipt_after_s: 900,
            allow_private_networks: false,
        }
    }
}
