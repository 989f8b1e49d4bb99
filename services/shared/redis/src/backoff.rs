use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// How long to wait after this many failures in a row (1 or more): 50 ms, doubled up to 1 s, of which
/// a random half is taken off so that processes do not come back in step.
pub fn backoff(failures: u32) -> Duration {
    let whole = (SHORTEST * 2_u32.pow(failures.clamp(1, 6) - 1)).min(LONGEST);
    whole.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_second_and_differ() {
        for (failures, whole) in [(0, 50), (1, 50), (2, 100), (5, 800), (6, 1000), (u32::MAX, 1000)] {
            let waited = backoff(failures);
            let whole = Duration::from_millis(whole);
            assert!(waited >= whole / 2 && waited <= whole, "{failures}: {waited:?}");
        }
        assert!((0..50).any(|_| backoff(9) != backoff(9)));
    }
}
