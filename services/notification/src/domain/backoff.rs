//! When to try again.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);
/// Longest time for which a push service that does not answer is left alone.
pub const LONGEST_HOLD: Duration = Duration::from_secs(300);

/// Pause after a failed attempt, counted from 1: doubling from a second to an hour, less a random part of up
/// to a half. `luck` is from 0 to 1.
pub fn pause(attempt: u32, luck: f64) -> Duration {
    jittered(doubled(attempt, LONGEST), luck)
}

/// How long a push service is left alone that has failed this often in a row.
pub fn hold(failures: u32, luck: f64) -> Duration {
    jittered(doubled(failures, LONGEST_HOLD), luck)
}

fn doubled(times: u32, longest: Duration) -> Duration {
    FIRST.saturating_mul(2_u32.saturating_pow(times.max(1) - 1)).min(longest)
}

fn jittered(pause: Duration, luck: f64) -> Duration {
    pause.mul_f64(1.0 - luck.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_are_never_cut_by_more_than_half() {
        let seconds: Vec<u64> = (1..=14).map(|attempt| pause(attempt, 0.0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
        assert_eq!(pause(5, 1.0), Duration::from_secs(8));
        assert_eq!(pause(u32::MAX, 0.0), LONGEST);
        assert_eq!((hold(1, 0.0), hold(40, 0.0)), (FIRST, LONGEST_HOLD));
    }
}
