//! What must reach the task that counts, whatever else waits for it.

use std::sync::Arc;
use std::time::Instant;

use parlance_core::{Num, Result};
use uuid::Uuid;

use super::super::connection::Connection;
use super::super::loads::UnreadChannels;

/// Waits in a queue without an end, since none may be lost; there are few at any time. A connection waits for
/// the answer to a subscribe before it has `Track` sent and cannot have a second one without an `Untrack`
/// between, so theirs are bounded by `realtime.max_connections`; loads and listening are the task's own doing.
/// The order of one connection's orders is kept.
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
