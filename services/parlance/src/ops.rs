//! What operators ask a process: `GET /health`, `GET /ready`, `GET /metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::join_all;
use parlance_bus::Bus;
use parlance_core::{Clock, SystemClock};
use parlance_rpc::Transport;
use parlance_sql::Store;
use parlance_telemetry::Metrics;
use serde_json::{Map, Value, json};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus as HealthStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::stores::Stores;

/// Time that a dependency has to answer the readiness probe.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the process can serve, and what it counts.
#[derive(Clone)]
pub(crate) struct Ops(Arc<Shared>);

struct Shared {
    stores: Stores,
    bus: Arc<dyn Bus>,
    metrics: Metrics,
    upstreams: Vec<Upstream>,
    started: Instant,
    bus_reached: AtomicBool,
    draining: AtomicBool,
}

/// A service in other processes that this one calls. Until it has answered once this process is not
/// ready; later it is better to answer 503 where that service is needed than not at all.
pub(crate) struct Upstream {
    service: &'static str,
    transport: Transport,
    reached: AtomicBool,
}

impl Upstream {
    pub(crate) fn new(service: &'static str, transport: Transport) -> Self {
        Self { service, transport, reached: AtomicBool::new(false) }
    }

    async fn answers(&self) -> bool {
        let mut client = HealthClient::new(self.transport.clone());
        let question = HealthCheckRequest { service: String::new() };
        let answer = tokio::time::timeout(PATIENCE, client.check(question)).await;
        let answers = matches!(answer, Ok(Ok(answer))
            if answer.get_ref().status == HealthStatus::Serving as i32);
        self.reached.fetch_or(answers, Ordering::AcqRel);
        answers
    }
}

impl Ops {
    pub(crate) fn new(stores: Stores, bus: Arc<dyn Bus>, metrics: Metrics, upstreams: Vec<Upstream>) -> Self {
        let started = Instant::now();
        let (bus_reached, draining) = (AtomicBool::new(false), AtomicBool::new(false));
        let measured = stores.clone();
        metrics.measure(move || measured.named().for_each(|(service, store)| show(service, store)));
        Self(Arc::new(Shared { stores, bus, metrics, upstreams, started, bus_reached, draining }))
    }

    /// From now on the process is not ready, whatever its dependencies say.
    pub(crate) fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// Readiness and metrics, for the main listener (which has `/health` of its own).
    pub(crate) fn routes(&self) -> Router {
        Router::new().route("/ready", get(ready)).route("/metrics", get(metrics)).with_state(self.clone())
    }

    /// All three, for a listener of their own.
    pub(crate) fn router(&self) -> Router {
        Router::new().route("/health", get(health)).with_state(self.clone()).merge(self.routes())
    }
}

/// `GET /health`: the process serves.
async fn health(State(Ops(ops)): State<Ops>) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "timestamp": SystemClock.now().iso_millis(),
        "uptime": ops.started.elapsed().as_secs(),
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

/// `GET /ready`: 200 if every database answers, and the bus has made a round trip and each service that
/// this process calls has been reached once; 503 with what does not. Without the bus, or a service that
/// was there, a process still does most of its work: it says so here and goes on.
async fn ready(State(Ops(ops)): State<Ops>) -> Response {
    if ops.draining.load(Ordering::Acquire) {
        metrics::gauge!("parlance_ready").set(0.0);
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "draining" }))).into_response();
    }
    let databases = join_all(ops.stores.named().map(async |(service, store)| {
        let answers = matches!(tokio::time::timeout(PATIENCE, store.ping()).await, Ok(Ok(())));
        (format!("{service}.database"), answers)
    }));
    let bus = async { matches!(tokio::time::timeout(PATIENCE, ops.bus.probe()).await, Ok(Ok(()))) };
    let upstreams = join_all(ops.upstreams.iter().map(Upstream::answers));
    let (databases, delivers, upstreams) = tokio::join!(databases, bus, upstreams);
    ops.bus_reached.fetch_or(delivers, Ordering::AcqRel);

    let ready = databases.iter().all(|(_, answers)| *answers)
        && ops.bus_reached.load(Ordering::Acquire)
        && ops.upstreams.iter().all(|upstream| upstream.reached.load(Ordering::Acquire));
    let mut checks: Map<String, Value> =
        databases.into_iter().map(|(name, answers)| (name, verdict(answers))).collect();
    checks.insert("bus".to_owned(), verdict(delivers));
    for (upstream, answers) in ops.upstreams.iter().zip(upstreams) {
        checks.insert(upstream.service.to_owned(), verdict(answers));
    }
    metrics::gauge!("parlance_ready").set(f64::from(u8::from(ready)));
    let (code, status) =
        if ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    (code, Json(json!({ "status": status, "checks": checks }))).into_response()
}

fn verdict(good: bool) -> Value {
    Value::from(if good { "ok" } else { "failed" })
}

/// `GET /metrics`: Prometheus text.
async fn metrics(State(Ops(ops)): State<Ops>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, ops.metrics.render()).into_response()
}

/// What a store counts by itself.
fn show(service: &'static str, store: &Store) {
    metrics::counter!("parlance_sql_statements_total", "service" => service).absolute(store.statements());
    let pool = store.pool();
    for (state, connections) in [("used", pool.used), ("idle", pool.idle), ("max", pool.max)] {
        metrics::gauge!("parlance_sql_pool_connections", "service" => service, "state" => state)
            .set(f64::from(connections));
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use parlance_bus::MemoryBus;
    use parlance_config::Sources;
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::Config;
    use crate::data_dir::DataDir;
    use crate::role::Role;

    async fn ready(ops: &Ops) -> (StatusCode, Value) {
        let request = Request::get("/ready").body(Body::empty()).unwrap();
        let answer = ops.router().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn not_ready_while_draining_or_while_a_database_does_not_answer() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let config = Config::load(&Sources::default()).unwrap();
        let stores = Stores::open(&config, Some(&data), Role::All).await.unwrap();
        let bus = Arc::new(MemoryBus::new());
        let ops = Ops::new(stores.clone(), bus, Metrics::install().unwrap(), Vec::new());
        let (status, body) = ready(&ops).await;
        assert_eq!((status, &body["status"]), (StatusCode::OK, &json!("ready")));

        stores.channel.unwrap().close().await;
        let (status, body) = ready(&ops).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body["checks"]["channel.database"], "failed", "{body}");
        assert_eq!(body["checks"]["auth.database"], "ok", "{body}");

        ops.drain();
        let (status, body) = ready(&ops).await;
        assert_eq!((status, body), (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "draining" })));
    }
}
