//! Trying again, and not waiting for ever.

use std::future::Future;
use std::time::Duration;

use parlance_core::{Error, Reason, Result};

/// Tries at a change that others stand in the way of.
const ATTEMPTS: u32 = 6;
/// Longest pause before the second try; it doubles with each one.
const PAUSE: Duration = Duration::from_millis(10);

/// Repeats a change for as long as the database undoes it because of others (CONTENDED), a few times
/// and with pauses of random length. Whatever the change does besides must bear repetition.
pub async fn retrying<T, F>(mut change: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut attempt = 1;
    loop {
        match change().await {
            Err(error) if error.reason == Reason::Contended && attempt < ATTEMPTS => {
                metrics::counter!("parlance_sql_contended_total").increment(1);
                pause(attempt).await;
                attempt += 1;
            }
            Err(error) if error.reason == Reason::Contended => {
                return Err(Error::unavailable("too many changes at the same time"));
            }
            other => return other,
        }
    }
}

/// Waits a little longer with each attempt, from 1, and never as long as somebody else.
pub async fn pause(attempt: u32) {
    let longest = PAUSE * 2_u32.pow(attempt.clamp(1, 8) - 1);
    tokio::time::sleep(longest.mul_f64(rand::random_range(0.2..1.0))).await;
}

/// The result of work on the database, or UNAVAILABLE if it takes longer than this.
pub async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(Error::unavailable("the database does not answer in time")),
    }
}
