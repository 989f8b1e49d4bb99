use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

use crate::process;

/// Time between two upkeeps.
const UPKEEP: Duration = Duration::from_secs(5);

/// Bounds of histograms of seconds: from a call in process to a call that is given up.
const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Bounds of histograms of bytes: from a frame to the limit of a slow consumer's queue.
const BYTES: &[f64] = &[256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0];
/// Bounds of all other histograms: batch sizes and other counts.
const COUNTS: &[f64] =
    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0, 16_384.0];

/// The process's metrics. There is one recorder per process, however often it is asked for.
#[derive(Debug, Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

impl Metrics {
    /// The process's recorder, installed at the first call.
    pub fn install() -> anyhow::Result<Self> {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*installed {
            return Ok(Self { handle: handle.clone() });
        }
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), BYTES)?
            .set_buckets(COUNTS)?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).context("another metrics recorder is installed")?;
        process::describe();
        *installed = Some(handle.clone());
        Ok(Self { handle })
    }

    /// All metrics in Prometheus' text format, those of the process read now.
    pub fn render(&self) -> String {
        process::record();
        self.handle.render()
    }

    /// Folds histogram samples every few seconds until `stop`.
    pub async fn upkeep(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(UPKEEP);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            self.handle.run_upkeep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_shows_counters_histograms_and_the_process() {
        let first = Metrics::install().unwrap();
        let second = Metrics::install().unwrap();
        metrics::counter!("parlance_test_total").increment(3);
        metrics::histogram!("parlance_test_seconds").record(0.003);
        metrics::histogram!("parlance_test_batch").record(9.0);
        let text = second.render();
        assert!(text.contains("parlance_test_total 3"), "{text}");
        assert!(text.contains("parlance_test_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert!(text.contains("parlance_test_batch_bucket{le=\"16\"} 1"), "{text}");
        assert!(text.contains("process_uptime_seconds"), "{text}");
        assert!(text.contains("process_resident_memory_bytes"), "{text}");
        assert!(first.render().contains("parlance_test_total 3"));
    }
}
