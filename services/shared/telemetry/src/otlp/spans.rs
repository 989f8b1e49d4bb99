use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tonic::transport::Channel;

use super::outcome::Outcome;

/// Sends batches of ended spans. What the collector does not take is dropped.
#[derive(Debug)]
pub(super) struct Exporter {
    client: TraceServiceClient<Channel>,
    resource: ResourceAttributesWithSchema,
    outcome: Outcome,
}

impl Exporter {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            client: TraceServiceClient::new(channel),
            resource: ResourceAttributesWithSchema::default(),
            outcome: Outcome::of("traces"),
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let sent = self.client.clone().export(ExportTraceServiceRequest { resource_spans }).await.map(drop);
        self.outcome.tell(&sent);
        sent.map_err(|status| OTelSdkError::InternalFailure(status.to_string()))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}
