//! How many files and sockets the process may hold.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files kept free of client connections: databases, logs, listeners, service connections.
const RESERVED: u64 = 256;
/// Client connections where the system knows no limit.
const UNLIMITED: u64 = 1_000_000;

/// Raises the limit of open files as far as the process may, and says how many client connections fit.
pub(crate) fn raise_open_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let open = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let open = open.unwrap_or(UNLIMITED).min(UNLIMITED);
    usize::try_from(open.saturating_sub(RESERVED).max(open / 2).max(1)).unwrap_or(usize::MAX)
}
