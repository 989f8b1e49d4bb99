use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::outcome::Outcome;
use super::text::{self, Family, Sample};
use crate::Metrics;

/// Sends what `GET /metrics` answers, as cumulative points.
pub(super) struct Exporter {
    client: MetricsServiceClient<Channel>,
    resource: Resource,
    metrics: Metrics,
    started: u64,
    outcome: Outcome,
}

impl Exporter {
    pub(super) fn new(channel: Channel, resource: ResourceAttributesWithSchema, metrics: Metrics) -> Self {
        let resource = Resource { attributes: resource.attributes.0, ..Resource::default() };
        let outcome = Outcome::of("metrics");
        Self { client: MetricsServiceClient::new(channel), resource, metrics, started: nanos_now(), outcome }
    }

    /// Exports every `interval`, and a last time at `stop`.
    pub(super) async fn run(self, interval: Duration, stop: CancellationToken) {
        let mut tick = tokio::time::interval(interval);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first tick comes at once, when there is nothing to tell.
        tick.tick().await;
        loop {
            let last = stop.run_until_cancelled(tick.tick()).await.is_none();
            let sent = self.client.clone().export(self.request()).await.map(drop);
            self.outcome.tell(&sent);
            if last {
                return;
            }
        }
    }

    fn request(&self) -> ExportMetricsServiceRequest {
        let now = nanos_now();
        let families = text::parse(&self.metrics.render());
        let metrics = families.into_iter().map(|family| metric(family, self.started, now)).collect();
        let scope = InstrumentationScope { name: "parlance".to_owned(), ..InstrumentationScope::default() };
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() }],
                schema_url: String::new(),
            }],
        }
    }
}

fn metric(family: Family, start: u64, now: u64) -> Metric {
    let numbers = |samples: &[Sample]| {
        let point = |sample: &Sample| NumberDataPoint {
            attributes: attributes(&sample.labels),
            start_time_unix_nano: start,
            time_unix_nano: now,
            value: Some(number_data_point::Value::AsDouble(sample.value)),
            ..NumberDataPoint::default()
        };
        samples.iter().map(point).collect()
    };
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match family.kind.as_str() {
        "counter" => Data::Sum(Sum {
            data_points: numbers(&family.samples),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        "histogram" => Data::Histogram(Histogram {
            data_points: distributions(&family.samples, start, now),
            aggregation_temporality: cumulative,
        }),
        _ => Data::Gauge(Gauge { data_points: numbers(&family.samples) }),
    };
    let unit = match () {
        () if family.name.ends_with("_seconds") => "s",
        () if family.name.ends_with("_bytes") => "By",
        () => "",
    };
    Metric {
        name: family.name,
        description: family.help,
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

/// Points of a histogram: each is a run of buckets, closed by its count.
fn distributions(samples: &[Sample], start: u64, now: u64) -> Vec<HistogramDataPoint> {
    let mut points = Vec::new();
    let mut point = HistogramDataPoint::default();
    let mut below = 0;
    for sample in samples {
        match sample.suffix.as_str() {
            "_bucket" => {
                let bound = sample.labels.iter().find(|(name, _)| name == "le");
                let bound = bound.and_then(|(_, bound)| bound.parse::<f64>().ok());
                if let Some(bound) = bound.filter(|bound| bound.is_finite()) {
                    point.explicit_bounds.push(bound);
                }
                // Prometheus counts what is below a bound, OTLP what is between two.
                let count = sample.value as u64;
                point.bucket_counts.push(count.saturating_sub(below));
                below = count;
            }
            "_sum" => point.sum = Some(sample.value),
            _ => {
                let whole = std::mem::take(&mut point);
                below = 0;
                points.push(HistogramDataPoint {
                    attributes: attributes(&sample.labels),
                    start_time_unix_nano: start,
                    time_unix_nano: now,
                    count: sample.value as u64,
                    ..whole
                });
            }
        }
    }
    points
}

fn attributes(labels: &[(String, String)]) -> Vec<KeyValue> {
    let attribute = |(name, value): &(String, String)| KeyValue {
        key: name.clone(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.clone())) }),
        ..KeyValue::default()
    };
    labels.iter().map(attribute).collect()
}

fn nanos_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_become_counts_between_bounds() {
        let text = "# TYPE b_seconds histogram\nb_seconds_bucket{m=\"x\",le=\"0.5\"} 1\n\
                    b_seconds_bucket{m=\"x\",le=\"1\"} 4\nb_seconds_bucket{m=\"x\",le=\"+Inf\"} 6\n\
                    b_seconds_sum{m=\"x\"} 9.5\nb_seconds_count{m=\"x\"} 6\n";
        let family = text::parse(text).remove(0);
        let metric = metric(family, 1, 2);
        assert_eq!(metric.unit, "s");
        let Some(Data::Histogram(histogram)) = metric.data else { panic!("{metric:?}") };
        let [point] = &histogram.data_points[..] else { panic!("{histogram:?}") };
        assert_eq!(point.explicit_bounds, [0.5, 1.0]);
        assert_eq!(point.bucket_counts, [1, 3, 2]);
        assert_eq!((point.count, point.sum), (6, Some(9.5)));
        assert_eq!(point.attributes.len(), 1);
    }
}
