use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::{Counted, Limiter};

/// Counts in this process.
pub(super) struct LocalLimiter(DefaultKeyedRateLimiter<Counted>);

impl LocalLimiter {
    pub(super) fn new(per_min: NonZeroU32) -> Self {
        Self(RateLimiter::keyed(Quota::per_minute(per_min)))
    }
}

#[async_trait]
impl Limiter for LocalLimiter {
    async fn check(&self, who: &Counted) -> Result<(), Duration> {
        self.0.check_key(who).map_err(|refusal| refusal.wait_time_from(DefaultClock::default().now()))
    }

    fn tidy(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}
