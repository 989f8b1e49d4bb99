use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

use crate::{catalog, process};

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
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    measurements: Arc<Mutex<Vec<Measure>>>,
}

/// Sets gauges that are worth asking for only when somebody looks.
type Measure = Box<dyn Fn() + Send>;

static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

impl Metrics {
    /// The process's recorder, installed at the first call.
    pub fn install() -> anyhow::Result<Self> {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*installed {
            return Ok(Self::of(handle.clone()));
        }
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), BYTES)?
            .set_buckets(COUNTS)?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).context("another metrics recorder is installed")?;
        process::started();
        *installed = Some(handle.clone());
        Ok(Self::of(handle))
    }

    fn of(handle: PrometheusHandle) -> Self {
        Self { handle, measurements: Arc::default() }
    }

    /// Describes the metrics that a role has and shows them from now on, at zero: `auth`, `channel`,
    /// `presence`, `message`, `gateway`, or `serve` for all.
    pub fn register(&self, role: &'static str) {
        catalog::register(role);
        metrics::gauge!("parlance_build_info", "version" => env!("CARGO_PKG_VERSION"), "role" => role)
            .set(1.0);
    }

    /// Has something measured each time that the metrics are read.
    pub fn measure(&self, measure: impl Fn() + Send + 'static) {
        self.measurements.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(measure));
    }

    /// All metrics in Prometheus' text format; what is measured on demand is measured now.
    pub fn render(&self) -> String {
        process::record();
        for measure in self.measurements.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            measure();
        }
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

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
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

    #[test]
    fn a_role_shows_what_it_has_from_the_start_on_with_its_meaning() {
        let metrics = Metrics::install().unwrap();
        metrics.register("message");
        metrics.measure(|| metrics::gauge!("parlance_test_measured").set(7.0));
        let text = metrics.render();
        for line in [
            "# HELP parlance_commit_seconds Time of a batch",
            "parlance_messages_stored_total 0",
            "parlance_commit_seconds_count 0",
            "parlance_rpc_in_flight{service=\"message\"} 0",
            "parlance_bus_published_total{kind=\"event\"} 0",
            "role=\"message\"} 1",
            "parlance_test_measured 7",
            "process_cpu_seconds_total",
            "process_threads",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("parlance_realtime_connections"), "{text}");
    }
}
