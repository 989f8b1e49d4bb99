//! Export to an OpenTelemetry collector: OTLP over gRPC.
//!
//! `spans` sends what the SDK's batch processor hands over; `metrics` sends what `GET /metrics` would answer;
//! `text` reads Prometheus text; `outcome` says once when the collector goes away and once when it is back.

mod metrics;
mod outcome;
mod spans;
mod text;

use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use crate::{Metrics, TelemetrySettings, trace};

/// Time that one export may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time between the end of a span and its export.
const SPAN_DELAY: Duration = Duration::from_secs(2);
/// Time that the last export may take.
const LAST: Duration = Duration::from_secs(3);

/// A running export.
#[derive(Debug)]
pub struct Export {
    traces: SdkTracerProvider,
    metrics: JoinHandle<()>,
    stop: CancellationToken,
}

impl Export {
    /// Starts exporting what this process records from now on; `None` if no endpoint is set. The collector need
    /// not be there: what it does not take is dropped. Called once per process, within the runtime.
    pub fn start(settings: &TelemetrySettings, role: &str, metrics: Metrics) -> anyhow::Result<Option<Self>> {
        settings.check()?;
        if settings.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let channel = channel(&settings.otlp_endpoint)?;
        let resource = resource(settings, role);
        let attributes = ResourceAttributesWithSchema::from(&resource);
        let batches = BatchConfigBuilder::default()
            .with_scheduled_delay(SPAN_DELAY.min(settings.export_interval()))
            .build();
        let exporter = spans::Exporter::new(channel.clone());
        let traces = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio))))
            .with_resource(resource)
            .build();
        trace::record_with(traces.tracer("parlance"))?;
        let stop = CancellationToken::new();
        let exporter = metrics::Exporter::new(channel, attributes, metrics);
        let metrics = tokio::spawn(exporter.run(settings.export_interval(), stop.clone()));
        Ok(Some(Self { traces, metrics, stop }))
    }

    /// Sends what is left, for a few seconds at most.
    pub async fn shutdown(self) {
        let Self { traces, metrics, stop } = self;
        stop.cancel();
        // The SDK waits by blocking.
        let spans = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(LAST));
        // Failures have been told where they happened.
        let _ = tokio::time::timeout(LAST, metrics).await;
        let _ = tokio::time::timeout(LAST, spans).await;
    }
}

fn channel(url: &str) -> anyhow::Result<Channel> {
    let wrong = || format!("setting `telemetry.otlp_endpoint`: {url:?} is not the URL of a collector");
    let mut endpoint = Endpoint::from_shared(url.to_owned()).with_context(wrong)?;
    if url.starts_with("https://") {
        endpoint = endpoint.tls_config(ClientTlsConfig::new().with_webpki_roots()).with_context(wrong)?;
    }
    Ok(endpoint.connect_timeout(TIMEOUT).timeout(TIMEOUT).connect_lazy())
}

fn resource(settings: &TelemetrySettings, role: &str) -> Resource {
    let name = match settings.service_name.as_str() {
        "" => format!("parlance-{role}"),
        name => name.to_owned(),
    };
    let mut attributes = vec![
        KeyValue::new("service.name", name),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
    ];
    // In a cluster: the name of the pod.
    if let Ok(host) = std::env::var("HOSTNAME") {
        attributes.push(KeyValue::new("host.name", host));
    }
    // OTEL_RESOURCE_ATTRIBUTES may add to it, not replace it.
    Resource::builder().with_attributes(attributes).build()
}
