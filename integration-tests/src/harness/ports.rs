//! Free ports below the range from which the system takes the ports of outgoing connections, so that
//! one which is free now still is when its listener comes, after a restart too.

use std::net::TcpListener;

const FIRST: u16 = 10_000;
const LAST: u16 = 32_000;

/// A port of loopback that nobody listens on.
pub(super) fn free() -> u16 {
    for _ in 0..1000 {
        let port = rand::random_range(FIRST..LAST);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {LAST}");
}
