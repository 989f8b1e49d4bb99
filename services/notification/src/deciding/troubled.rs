//! Apps about which nothing can be decided for now, because what another service says of them does not come or
//! is too much. They are left alone for longer and longer, and then asked about with fewer rows, so that they
//! keep no other app waiting.

use std::collections::HashMap;
use std::time::Duration;

use parlance_core::Micros;
use uuid::Uuid;

const LONGEST: Duration = Duration::from_secs(64);

#[derive(Default)]
pub struct Troubled(HashMap<Uuid, Trouble>);

struct Trouble {
    /// Failures, less what has gone well since.
    failures: u32,
    until: Micros,
}

impl Trouble {
    /// An end that no pause can have is from a clock that was set back.
    fn is_resting(&self, now: Micros) -> bool {
        now < self.until && self.until <= now + LONGEST
    }
}

impl Troubled {
    /// Those that are left alone now.
    pub fn resting(&self, now: Micros) -> Vec<Uuid> {
        self.0.iter().filter(|(_, trouble)| trouble.is_resting(now)).map(|(app, _)| *app).collect()
    }

    /// How many rows of an app are decided at once, of so many that others get.
    pub fn most(&self, app: Uuid, usual: usize) -> usize {
        let failures = self.0.get(&app).map_or(0, |trouble| trouble.failures);
        usual.checked_shr(failures).unwrap_or(0).max(1)
    }

    /// Gives when the app is to be tried again: after a second, then two, four, …
    pub fn failed(&mut self, app: Uuid, now: Micros) -> Micros {
        let trouble = self.0.entry(app).or_insert(Trouble { failures: 0, until: now });
        let pause = Duration::from_secs(1 << trouble.failures.min(6));
        trouble.failures = trouble.failures.saturating_add(1);
        trouble.until = now + pause.min(LONGEST);
        trouble.until
    }

    /// Twice as many are decided the next time.
    pub fn succeeded(&mut self, app: Uuid) {
        if let Some(trouble) = self.0.get_mut(&app) {
            trouble.failures = trouble.failures.min(8).saturating_sub(1);
            if trouble.failures == 0 {
                self.0.remove(&app);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_rests_longer_and_longer_and_is_tried_with_fewer_rows() {
        let (mut troubled, app, other) = (Troubled::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        let mut now = Micros::from_secs(1_790_000_000);
        let mut seen = Vec::new();
        for _ in 0..10 {
            seen.push((troubled.most(app, 200), troubled.failed(app, now).since(now).as_secs()));
            assert_eq!(troubled.resting(now), [app]);
            now = now + LONGEST;
            assert!(troubled.resting(now).is_empty());
        }
        let rows: Vec<usize> = seen.iter().map(|(rows, _)| *rows).collect();
        let pauses: Vec<u64> = seen.iter().map(|(_, pause)| *pause).collect();
        assert_eq!(rows, [200, 100, 50, 25, 12, 6, 3, 1, 1, 1]);
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 64, 64, 64]);
        assert_eq!(troubled.most(other, 200), 200);
        let mut rows = Vec::new();
        while !troubled.0.is_empty() {
            rows.push(troubled.most(app, 200));
            troubled.succeeded(app);
        }
        assert_eq!(rows, [1, 1, 3, 6, 12, 25, 50, 100]);
    }
}
