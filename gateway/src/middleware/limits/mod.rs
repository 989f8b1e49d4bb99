//! Rate limits (ChatSDK contract, section 1.3): counted by this process, or over Redis by all gateways
//! together.

mod local;
mod redis;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parlance_core::{Error, Num, Reason, Result};
use parlance_redis::Redis;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::local::LocalLimiter;
use self::redis::{Breaker, RedisLimiter};
use super::client_ip;
use crate::config::RateLimitSettings;

/// Time between clean-ups of what is kept of quiet clients.
const SWEEP: Duration = Duration::from_secs(60);
/// Longest time that a call waits for Redis.
const PATIENCE: Duration = Duration::from_millis(100);

/// Where rate limits are counted.
#[derive(Debug, Clone, Default)]
pub enum LimitsBackend {
    /// In each gateway by itself.
    #[default]
    Local,
    /// By all gateways together; by each alone while Redis is away.
    Redis(Redis),
}

/// Whom a limit counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    Address(IpAddr),
    Key(String),
    User(Uuid, Num),
}

/// Lets so many calls pass at once, then so many more, evenly, over each minute.
#[async_trait]
trait Limiter: Send + Sync {
    /// Counts a call. `Err` = not this one; how long to wait.
    async fn check(&self, who: &Counted) -> Result<(), Duration>;

    /// Forgets those whose allowance is whole again.
    fn tidy(&self);
}

/// The three classes of calls. A setting of 0 means no limit for its class.
pub(crate) struct Limits {
    tokens: Option<Box<dyn Limiter>>,
    sends: Option<Box<dyn Limiter>>,
    api: Option<Box<dyn Limiter>>,
}

impl Limits {
    pub(crate) fn new(settings: &RateLimitSettings, backend: &LimitsBackend) -> Self {
        Self::with_patience(settings, backend, PATIENCE)
    }

    fn with_patience(settings: &RateLimitSettings, backend: &LimitsBackend, patience: Duration) -> Self {
        let breaker = Arc::new(Breaker::new(patience));
        let limiter = |class, per_min| -> Option<Box<dyn Limiter>> {
            let per_min = NonZeroU32::new(per_min).filter(|_| settings.enabled)?;
            let local = LocalLimiter::new(per_min);
            Some(match backend {
                LimitsBackend::Local => Box::new(local),
                LimitsBackend::Redis(redis) => {
                    Box::new(RedisLimiter::new(redis.clone(), class, per_min, local, breaker.clone()))
                }
            })
        };
        Self {
            tokens: limiter("tokens", settings.tokens_per_min),
            sends: limiter("sends", settings.sends_per_min),
            api: limiter("api", settings.api_per_min),
        }
    }

    /// Issue of tokens, by client address.
    pub(crate) async fn token(&self, client: IpAddr) -> Result<()> {
        check("tokens", self.tokens.as_deref(), Counted::Address(client_ip::household(client))).await
    }

    /// Sends, by user.
    pub(crate) async fn send(&self, app: Uuid, user: Num) -> Result<()> {
        check("sends", self.sends.as_deref(), Counted::User(app, user)).await
    }

    /// Everything else.
    pub(crate) async fn api(&self, who: Counted) -> Result<()> {
        check("api", self.api.as_deref(), who).await
    }

    /// Forgets, every minute, those whose allowance is whole again.
    pub(crate) async fn sweep(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(SWEEP)).await.is_some() {
            for limiter in [&self.tokens, &self.sends, &self.api].into_iter().flatten() {
                limiter.tidy();
            }
        }
    }
}

async fn check(class: &'static str, limiter: Option<&dyn Limiter>, who: Counted) -> Result<()> {
    let Some(limiter) = limiter else { return Ok(()) };
    limiter.check(&who).await.map_err(|wait| {
        metrics::counter!("parlance_rate_limited_total", "class" => class).increment(1);
        Error::new(Reason::RateLimited, "too many requests").with_retry_after(wait)
    })
}
