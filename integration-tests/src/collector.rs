//! An OpenTelemetry collector that keeps what it is given.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A running collector; ends when dropped.
#[derive(Debug)]
pub struct Collector {
    url: String,
    kept: Kept,
    serving: JoinHandle<()>,
}

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Everything>>);

#[derive(Debug, Default)]
struct Everything {
    spans: Vec<Span>,
    metrics: Vec<Metric>,
    resources: Vec<Resource>,
}

/// A span; ids in hex.
#[derive(Debug, Clone)]
pub struct Span {
    pub trace: String,
    pub id: String,
    /// Empty = the first of its trace.
    pub parent: String,
    pub name: String,
    pub kind: SpanKind,
    pub attributes: BTreeMap<String, String>,
    /// Spans of other traces.
    pub links: Vec<(String, String)>,
    /// `service.name` of the process.
    pub service: String,
    pub start: u64,
    pub end: u64,
}

impl Collector {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let kept = Kept::default();
        let router = Server::builder()
            .add_service(TraceServiceServer::new(kept.clone()))
            .add_service(MetricsServiceServer::new(kept.clone()));
        let incoming = TcpIncoming::from(listener);
        let serving = tokio::spawn(async move {
            router.serve_with_incoming(incoming).await.expect("the collector serves");
        });
        Self { url, kept, serving }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Spans of one trace, by their start.
    pub fn trace(&self, id: &str) -> Vec<Span> {
        let mut spans = self.kept.look(|kept| kept.spans.clone());
        spans.retain(|span| span.trace == id);
        spans.sort_by_key(|span| span.start);
        spans
    }

    pub fn spans(&self) -> Vec<Span> {
        self.kept.look(|kept| kept.spans.clone())
    }

    /// The newest state of a metric.
    pub fn metric(&self, name: &str) -> Option<Metric> {
        self.kept.look(|kept| kept.metrics.iter().rev().find(|metric| metric.name == name).cloned())
    }

    /// Attributes of the processes that sent metrics.
    pub fn resources(&self) -> Vec<BTreeMap<String, String>> {
        self.kept.look(|kept| kept.resources.iter().map(|one| attributes(&one.attributes)).collect())
    }

    /// All that was received, as text to search in.
    pub fn everything(&self) -> String {
        self.kept.look(|kept| format!("{kept:?}"))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Kept {
    fn look<T>(&self, look: impl FnOnce(&mut Everything) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for process in request.into_inner().resource_spans {
            let resource = process.resource.map(|one| attributes(&one.attributes)).unwrap_or_default();
            let service = resource.get("service.name").cloned().unwrap_or_default();
            for span in process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let kind = span.kind();
                let link = |link: &opentelemetry_proto::tonic::trace::v1::span::Link| {
                    (hex(&link.trace_id), hex(&link.span_id))
                };
                let span = Span {
                    trace: hex(&span.trace_id),
                    id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    attributes: attributes(&span.attributes),
                    links: span.links.iter().map(link).collect(),
                    service: service.clone(),
                    start: span.start_time_unix_nano,
                    end: span.end_time_unix_nano,
                    name: span.name,
                    kind,
                };
                self.look(|kept| kept.spans.push(span));
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Kept {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.look(|kept| {
            for process in request.into_inner().resource_metrics {
                kept.resources.extend(process.resource);
                kept.metrics.extend(process.scope_metrics.into_iter().flat_map(|scope| scope.metrics));
            }
        });
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let of = |one: &KeyValue| {
        let value = one.value.as_ref().and_then(|value| value.value.as_ref()).map(text);
        (one.key.clone(), value.unwrap_or_default())
    };
    attributes.iter().map(of).collect()
}
