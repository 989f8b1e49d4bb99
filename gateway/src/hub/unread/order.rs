//! What must reach the task that counts, whatever else waits for it.

use std::sync::Arc;
use std::time::Instant;

use parlance_core::{Num, Result};
use uuid::Uuid;

use super::super::connection::Connection;
use super::super::loads::UnreadChannels;

/// Waits in a queue without an end, since none may be lost. Few wait at any time: each `Track`, and the `Untrack`
/// after it, costs its connection (of which there are `realtime.max_connections` at most) a subscribe with calls
/// to other services, and the task no I/O; loads and listening are the task's own doing and bounded there. One
/// connection's orders keep their order.
pub enum Order {
    Track { app: Uuid, user: Num, connection: Arc<Connection> },
    Untrack { user: Num, connection: u64 },
    Loaded(Loaded),
    Heard(Heard),
}

/// A user's counts, or why there are none.
pub struct Loaded {
    pub user: Num,
    pub generation: u64,
    /// Before the question left.
    pub asked_at: Instant,
    pub result: Result<UnreadChannels>,
}

/// The bus delivers these channels now, or cannot.
pub struct Heard {
    pub channels: Vec<Num>,
    pub failed: Vec<Num>,
}
