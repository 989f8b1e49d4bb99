use std::time::Duration;

use anyhow::ensure;
use serde::Deserialize;

/// Section `[telemetry]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// URL of an OpenTelemetry collector that speaks OTLP over gRPC; empty = nothing is exported.
    pub otlp_endpoint: String,
    /// `service.name` of this process; empty = `parlance-<role>`.
    pub service_name: String,
    /// Share of new traces that are recorded, 0 to 1. A request that continues a trace does as that trace does.
    pub sample_ratio: f64,
    /// Seconds between two exports of metrics.
    pub export_interval_s: u64,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            otlp_endpoint: String::new(),
            service_name: String::new(),
            sample_ratio: 1.0,
            export_interval_s: 15,
        }
    }
}

impl TelemetrySettings {
    /// Checks what no type can say.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(
            (0.0..=1.0).contains(&self.sample_ratio),
            "setting `telemetry.sample_ratio` must be between 0 and 1"
        );
        ensure!(
            (1..=3600).contains(&self.export_interval_s),
            "setting `telemetry.export_interval_s` must be 1 to 3600"
        );
        ensure!(
            self.otlp_endpoint.is_empty()
                || ["http://", "https://"].iter().any(|scheme| self.otlp_endpoint.starts_with(scheme)),
            "setting `telemetry.otlp_endpoint` must be a URL such as http://collector:4317"
        );
        Ok(())
    }

    pub(crate) fn export_interval(&self) -> Duration {
        Duration::from_secs(self.export_interval_s)
    }
}
