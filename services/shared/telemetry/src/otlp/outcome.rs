use std::sync::atomic::{AtomicBool, Ordering};

/// How the exports of one signal go: told when it changes, not each time.
#[derive(Debug)]
pub(super) struct Outcome {
    signal: &'static str,
    failing: AtomicBool,
}

impl Outcome {
    pub(super) fn of(signal: &'static str) -> Self {
        metrics::counter!("parlance_otlp_failed_exports_total", "signal" => signal).increment(0);
        Self { signal, failing: AtomicBool::new(false) }
    }

    pub(super) fn tell(&self, outcome: &Result<(), tonic::Status>) {
        let signal = self.signal;
        let failed = outcome.is_err();
        let changed = self.failing.swap(failed, Ordering::Relaxed) != failed;
        if let Err(status) = outcome {
            metrics::counter!("parlance_otlp_failed_exports_total", "signal" => signal).increment(1);
            if changed {
                let (code, cause) = (status.code(), status.message());
                tracing::warn!(signal, ?code, cause, "the OpenTelemetry collector takes nothing; trying on");
            }
        } else if changed {
            tracing::info!(signal, "the OpenTelemetry collector takes what is exported again");
        }
    }
}
