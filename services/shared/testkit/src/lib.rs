#![doc = include_str!("../README.md")]

mod listener;
mod proxy;
mod redis;
mod server;
mod store;

use std::fmt::Debug;
use std::time::Duration;

pub use listener::Listener;
pub use proxy::CommitProxy;
pub use redis::{RedisCluster, RedisServer, redis_url, unique_prefix};
pub use server::PostgresServer;
pub use store::{PostgresStore, TempStore, postgres_store, temp_store};

/// Longest time that a test waits for something to settle.
pub const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(5);

/// Asks until the answer is as wanted, and gives it; panics with the last answer when patience ends.
pub async fn wait_until<T: Debug>(
    what: &str,
    mut ask: impl AsyncFnMut() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if wanted(&answer) {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited for {what}; the last answer was {answer:?}");
        tokio::time::sleep(STEP).await;
    }
}
