//! Rate limits (ChatSDK contract, section 1.3), per process.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parlance_core::{Error, Num, Reason, Result};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::client_ip;
use crate::config::RateLimitSettings;

/// Time between clean-ups of what is kept of quiet clients.
const SWEEP: Duration = Duration::from_secs(60);

/// Whom the general limit counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ApiKeyOrUser {
    Key(String),
    User(Uuid, Num),
}

/// The three classes of calls. A setting of 0 means no limit for its class.
pub(crate) struct Limits {
    tokens: Option<DefaultKeyedRateLimiter<IpAddr>>,
    sends: Option<DefaultKeyedRateLimiter<(Uuid, Num)>>,
    api: Option<DefaultKeyedRateLimiter<ApiKeyOrUser>>,
}

impl Limits {
    pub(crate) fn new(settings: &RateLimitSettings) -> Self {
        Self {
            tokens: limiter(settings.enabled, settings.tokens_per_min),
            sends: limiter(settings.enabled, settings.sends_per_min),
            api: limiter(settings.enabled, settings.api_per_min),
        }
    }

    /// Issue of tokens, by client address.
    pub(crate) fn token(&self, client: IpAddr) -> Result<()> {
        check("tokens", &self.tokens, &client_ip::household(client))
    }

    /// Sends, by user.
    pub(crate) fn send(&self, app: Uuid, user: Num) -> Result<()> {
        check("sends", &self.sends, &(app, user))
    }

    /// Everything else.
    pub(crate) fn api(&self, who: ApiKeyOrUser) -> Result<()> {
        check("api", &self.api, &who)
    }

    /// Forgets, every minute, those whose allowance is whole again.
    pub(crate) async fn sweep(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(SWEEP)).await.is_some() {
            tidy(&self.tokens);
            tidy(&self.sends);
            tidy(&self.api);
        }
    }
}

/// `per_min` calls at once, then evenly over each minute.
fn limiter<K: Clone + Eq + std::hash::Hash>(
    enabled: bool,
    per_min: u32,
) -> Option<DefaultKeyedRateLimiter<K>> {
    let per_min = NonZeroU32::new(per_min).filter(|_| enabled)?;
    Some(RateLimiter::keyed(Quota::per_minute(per_min)))
}

fn check<K: Clone + Eq + std::hash::Hash>(
    class: &'static str,
    limiter: &Option<DefaultKeyedRateLimiter<K>>,
    key: &K,
) -> Result<()> {
    let Some(limiter) = limiter else { return Ok(()) };
    limiter.check_key(key).map_err(|refusal| {
        metrics::counter!("parlance_rate_limited_total", "class" => class).increment(1);
        let wait = refusal.wait_time_from(DefaultClock::default().now());
        Error::new(Reason::RateLimited, "too many requests").with_retry_after(wait)
    })
}

fn tidy<K: Clone + Eq + std::hash::Hash>(limiter: &Option<DefaultKeyedRateLimiter<K>>) {
    if let Some(limiter) = limiter {
        limiter.retain_recent();
        limiter.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_over_the_limit_does_not_stop_another() {
        let settings = RateLimitSettings { sends_per_min: 2, ..RateLimitSettings::default() };
        let limits = Limits::new(&settings);
        let app = Uuid::nil();
        assert!(limits.send(app, 1).is_ok());
        assert!(limits.send(app, 1).is_ok());
        let refusal = limits.send(app, 1).unwrap_err();
        assert_eq!(refusal.reason, Reason::RateLimited);
        let wait = refusal.retry_after.unwrap();
        assert!(wait > Duration::from_secs(25) && wait <= Duration::from_secs(30), "{wait:?}");
        assert!(limits.send(app, 2).is_ok());
    }

    #[test]
    fn switched_off_or_zero_means_no_limit() {
        let off = RateLimitSettings { enabled: false, tokens_per_min: 1, ..RateLimitSettings::default() };
        let zero = RateLimitSettings { tokens_per_min: 0, ..RateLimitSettings::default() };
        for settings in [off, zero] {
            let limits = Limits::new(&settings);
            assert!((0..500).all(|_| limits.token(IpAddr::from([127, 0, 0, 1])).is_ok()));
        }
    }
}
