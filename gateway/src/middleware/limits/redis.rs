use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use parlance_core::Error;
use parlance_redis::{Redis, Script};
use sha2::{Digest as _, Sha256};

use super::local::LocalLimiter;
use super::{Counted, Limiter};

const MINUTE: Duration = Duration::from_secs(60);
/// Redis is left alone for this long after it has failed to answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts in Redis, in one round trip; in this process while Redis is away.
pub(super) struct RedisLimiter {
    redis: Redis,
    script: Script,
    class: &'static str,
    /// Microseconds: between two calls; that calls may come early.
    args: [u64; 2],
    local: LocalLimiter,
    breaker: Arc<Breaker>,
}

/// Keeps calls from waiting for a Redis that is away: after a failure one call a second tries.
pub(super) struct Breaker {
    /// Longest time that a call waits.
    patience: Duration,
    closed_until: Mutex<Option<Instant>>,
}

impl RedisLimiter {
    pub(super) fn new(
        redis: Redis,
        class: &'static str,
        per_min: NonZeroU32,
        local: LocalLimiter,
        breaker: Arc<Breaker>,
    ) -> Self {
        let per_min = u64::from(per_min.get());
        let step = (MINUTE.as_micros() as u64 / per_min).max(1);
        let args = [step, step * (per_min - 1)];
        Self { redis, script: Script::new(include_str!("gcra.lua")), class, args, local, breaker }
    }

    async fn ask(&self, who: &Counted) -> Result<u64, Error> {
        let key = format!("{}:limit:{}:{}", self.redis.prefix(), self.class, name(who));
        let keys = [key.as_str()];
        let asking = self.redis.script(&self.script, &keys, &self.args);
        let asked = tokio::time::timeout(self.breaker.patience, asking).await;
        asked.unwrap_or_else(|_| Err(Error::unavailable("Redis is too slow")))
    }
}

#[async_trait]
impl Limiter for RedisLimiter {
    async fn check(&self, who: &Counted) -> Result<(), Duration> {
        if self.breaker.may_try() {
            match self.ask(who).await {
                Ok(wait) => {
                    self.breaker.worked();
                    return if wait == 0 { Ok(()) } else { Err(Duration::from_micros(wait)) };
                }
                Err(error) => {
                    if self.breaker.failed() {
                        tracing::warn!(%error, "rate limits are counted by this gateway alone");
                    }
                }
            }
        }
        metrics::counter!("parlance_rate_limit_fallbacks_total").increment(1);
        self.local.check(who).await
    }

    fn tidy(&self) {
        self.local.tidy();
    }
}

impl Breaker {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, closed_until: Mutex::default() }
    }

    fn may_try(&self) -> bool {
        let mut closed_until = self.closed_until.lock();
        match &mut *closed_until {
            None => true,
            Some(until) if Instant::now() < *until => false,
            Some(until) => {
                *until = Instant::now() + PAUSE;
                true
            }
        }
    }

    fn worked(&self) {
        *self.closed_until.lock() = None;
    }

    /// Whether this failure is the first.
    fn failed(&self) -> bool {
        self.closed_until.lock().replace(Instant::now() + PAUSE).is_none()
    }
}

/// A name that shows neither keys nor addresses: the first half of a SHA-256, in hexadecimal digits.
fn name(who: &Counted) -> String {
    let mut hash = Sha256::new();
    match who {
        Counted::Address(address) => {
            hash.update(b"address:");
            hash.update(address.to_string());
        }
        Counted::Key(key) => {
            hash.update(b"key:");
            hash.update(key);
        }
        Counted::User(app, num) => {
            hash.update(b"user:");
            hash.update(app.as_bytes());
            hash.update(num.to_be_bytes());
        }
    }
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
