//! Waiting without sleeping: a condition is asked until it holds, or the time is up.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

/// How long a test waits for something that should happen at once. Generous, because an unoptimised
/// server shares two cores with the tests.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks `probe` until it answers `Ok`, at most for [`PATIENCE`]; then fails, printing the last `Err`.
pub async fn eventually<T, E, F, P>(what: &str, mut probe: P) -> T
where
    E: Debug,
    F: Future<Output = Result<T, E>>,
    P: FnMut() -> F,
{
    let started = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(seen) if started.elapsed() > PATIENCE => {
                panic!("waited {PATIENCE:?} until {what}; last seen: {seen:#?}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(15)).await,
        }
    }
}
