//! Time as a parameter: services ask a [`Clock`], tests turn a [`ManualClock`].

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

/// An instant in Unix microseconds: the precision that databases keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub i64);

impl Micros {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000)
    }

    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000_000)
    }

    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Time from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Micros) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    pub fn timestamp(self) -> Timestamp {
        Timestamp { seconds: self.secs(), nanos: (self.0.rem_euclid(1_000_000) * 1_000) as i32 }
    }

    /// `None` if the timestamp lies outside what microseconds in 64 bits can hold.
    pub fn from_timestamp(at: &Timestamp) -> Option<Self> {
        at.seconds.checked_mul(1_000_000)?.checked_add(i64::from(at.nanos) / 1_000).map(Self)
    }

    /// ISO 8601 in UTC with milliseconds and `Z`.
    pub fn iso_millis(self) -> String {
        DateTime::<Utc>::from_timestamp_micros(self.0)
            .unwrap_or_default()
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }
}

impl std::ops::Add<Duration> for Micros {
    type Output = Micros;
    fn add(self, after: Duration) -> Micros {
        Micros(self.0.saturating_add(after.as_micros() as i64))
    }
}

impl std::ops::Sub<Duration> for Micros {
    type Output = Micros;
    fn sub(self, before: Duration) -> Micros {
        Micros(self.0.saturating_sub(before.as_micros() as i64))
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + std::fmt::Debug + 'static {
    fn now(&self) -> Micros;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Micros {
        Micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64)
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn at(now: Micros) -> Self {
        Self(AtomicI64::new(now.0))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros() as i64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Micros {
        Micros(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_round_trip_and_print_with_z() {
        let at = Micros(1_704_067_200_123_456);
        assert_eq!(Micros::from_timestamp(&at.timestamp()), Some(at));
        assert_eq!(at.iso_millis(), "2024-01-01T00:00:00.123Z");
        let early = Micros(-1);
        assert_eq!(Micros::from_timestamp(&early.timestamp()), Some(early));
        assert_eq!(Micros::from_timestamp(&Timestamp { seconds: i64::MAX, nanos: 0 }), None);
    }
}
