use std::time::Duration;

/// Samples of a duration, in microseconds.
#[derive(Debug, Clone, Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    pub fn add(&mut self, took: Duration) {
        self.add_micros(took.as_micros() as u64);
    }

    pub fn add_micros(&mut self, micros: u64) {
        self.0.push(u32::try_from(micros).unwrap_or(u32::MAX));
    }

    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The value below which `share` (0 to 1) of the samples lie, in milliseconds; 0 without samples.
    pub fn quantile(&mut self, share: f64) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        let last = self.0.len() - 1;
        let place = ((last as f64) * share).round() as usize;
        let (_, value, _) = self.0.select_nth_unstable(place.min(last));
        f64::from(*value) / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_in_milliseconds() {
        let mut latencies = Latencies::default();
        (1..=100).rev().for_each(|ms| latencies.add(Duration::from_millis(ms)));
        assert_eq!(latencies.quantile(0.0), 1.0);
        assert_eq!(latencies.quantile(0.99), 99.0);
        assert_eq!(latencies.quantile(1.0), 100.0);
        assert_eq!(Latencies::default().quantile(0.5), 0.0);
    }
}
