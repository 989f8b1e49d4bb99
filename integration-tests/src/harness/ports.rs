//! Free ports below the range from which the system takes the ports of outgoing connections, so that
//! one which is free now still is when its listener comes, after a restart too.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex, PoisonError};

const FIRST: u16 = 10_000;
const LAST: u16 = 32_000;

/// Given out before: their processes may not listen yet.
static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port of loopback that nobody listens on and nobody else in this program was given.
pub(super) fn free() -> u16 {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..1000 {
        let port = rand::random_range(FIRST..LAST);
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return port;
        }
    }
    panic!("no free port between {FIRST} and {LAST}");
}
