//! Traces, metrics, dashboard and alerts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use parlance_integration_tests::collector::{Collector, Span};
use parlance_telemetry::catalog::{self, CATALOG, Entry};

use crate::prelude::*;

/// A trace that the client began.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT: &str = "00f067aa0ba902b7";

async fn observed(collector: &Collector, options: Options) -> Harness {
    let options = options
        .with("telemetry.otlp_endpoint", collector.url())
        .with("telemetry.export_interval_s", 1)
        // The tests are the proxy that hands traces over.
        .with("gateway.trusted_proxies", "127.0.0.1")
        .with("log.level", "debug");
    Harness::start_with(options).await
}

#[tokio::test]
async fn one_trace_leads_from_the_request_to_the_socket() {
    let served = trace_a_message(Options::new().embedded()).await;
    assert_eq!(served, ["parlance-serve"; 6]);
}

#[tokio::test]
async fn one_trace_leads_through_all_processes() {
    let served = trace_a_message(Options::new().distributed()).await;
    let (gateway, message) = ("parlance-gateway", "parlance-message");
    assert_eq!(served, [gateway, gateway, message, message, message, gateway]);
}

/// Sends a message to somebody who listens, and checks every step between; the processes that made them.
async fn trace_a_message(options: Options) -> [String; 6] {
    let collector = Collector::start().await;
    let mut server = observed(&collector, options).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let listener = Realtime::follow(&server, &bob, &[&group]).await;
    let traced = alice.to_rest().with_header("traceparent", &format!("00-{TRACE}-{CLIENT}-01"));
    let path = format!("/api/channels/{group}/messages");
    let answer = traced.post(&path, &json!({"text": "very-secret-text"})).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let returned = answer.headers["traceparent"].to_str().unwrap().to_owned();
    listener.event(&bob.chat(&group), "message.new").await;

    let names = ["POST", "SendMessage", "commit", "publish", "deliver", "Touch"];
    let spans = eventually("all steps of the trace have arrived", || async {
        let spans = collector.trace(TRACE);
        let there = |name: &&str| spans.iter().any(|span| span.name.contains(*name));
        if names.iter().all(there) { Ok(spans) } else { Err(spans) }
    })
    .await;
    let one = |name: &str, kind: SpanKind| -> Span {
        let mut found = spans.iter().filter(|span| span.name.contains(name) && span.kind == kind);
        let span = found.next().unwrap_or_else(|| panic!("no {kind:?} {name} in {spans:#?}"));
        assert!(found.next().is_none(), "two {kind:?} {name} in {spans:#?}");
        span.clone()
    };
    let http = one("POST /api/channels/{id}/messages", SpanKind::Server);
    let client = one("MessageService/SendMessage", SpanKind::Client);
    let served = one("MessageService/SendMessage", SpanKind::Server);
    let commit = one("commit", SpanKind::Internal);
    let publish = one("publish", SpanKind::Producer);
    let deliver = one("deliver", SpanKind::Consumer);
    let touch = one("ChannelService/Touch", SpanKind::Client);
    assert_eq!(http.parent, CLIENT);
    assert_eq!(returned, format!("00-{TRACE}-{}-01", http.id), "the client learns where its request stands");
    assert_eq!(client.parent, http.id);
    assert_eq!(served.parent, client.id);
    assert_eq!(commit.parent, served.id);
    assert_eq!(publish.parent, commit.id);
    assert_eq!(touch.parent, commit.id);
    assert_eq!(deliver.parent, publish.id);
    for span in &spans {
        let known = span.parent == CLIENT || spans.iter().any(|other| other.id == span.parent);
        assert!(known, "{span:#?} has a parent that is nowhere in {spans:#?}");
        assert!(span.start <= span.end && span.start > 0, "{span:?}");
    }
    assert_eq!(http.attributes["http.route"], "/api/channels/{id}/messages");
    assert_eq!(http.attributes["http.response.status_code"], "201");
    assert_eq!(served.attributes["rpc.grpc.status_code"], "0");
    assert_eq!(commit.attributes["parlance.batch.messages"], "1");
    assert_eq!(deliver.attributes["parlance.sockets.queued"], "1");
    assert_eq!(deliver.attributes["parlance.sockets.written"], "1");

    // What is logged for the request names its trace.
    let log = server.log();
    let answered = log.lines().find(|line| line.contains("request answered") && line.contains(TRACE));
    let line: Value = serde_json::from_str(answered.unwrap_or_else(|| panic!("{log}"))).unwrap();
    assert_eq!(line["trace_id"], TRACE);

    server.terminate().await;
    let everything = collector.everything();
    for secret in ["very-secret-text", alice.token.as_str(), bob.ws_token.as_str(), DEV_KEY, DEV_SECRET] {
        assert!(!everything.contains(secret), "{secret} was exported");
    }
    [http, client, served, commit, publish, deliver].map(|span| span.service)
}

#[tokio::test]
async fn a_commit_of_several_sends_is_linked_to_their_traces() {
    let collector = Collector::start().await;
    let mut server = observed(&collector, Options::new()).await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let traces: Vec<String> = (1..=40_u32).map(|number| format!("{number:032x}")).collect();
    let sends = traces.iter().map(|trace| {
        let traced = alice.to_rest().with_header("traceparent", &format!("00-{trace}-{CLIENT}-01"));
        let path = format!("/api/channels/{group}/messages");
        async move { traced.post(&path, &json!({"text": "many"})).await.created() }
    });
    futures_util::future::join_all(sends).await;
    eventually("every trace is in a commit, as its parent or by a link", || async {
        let spans = collector.spans();
        let commits: Vec<&Span> = spans.iter().filter(|span| span.name == "commit").collect();
        let committed: BTreeSet<&str> = commits
            .iter()
            .flat_map(|span| {
                let linked = span.links.iter().map(|(trace, _)| trace.as_str());
                linked.chain([span.trace.as_str()])
            })
            .collect();
        let missing: Vec<_> = traces.iter().filter(|trace| !committed.contains(trace.as_str())).collect();
        if missing.is_empty() && commits.iter().any(|span| !span.links.is_empty()) {
            Ok(())
        } else {
            Err(format!("{missing:?} of {} commits", commits.len()))
        }
    })
    .await;
    // A link leads to the call that sent; the end of the process sends what is left.
    server.terminate().await;
    let spans = collector.spans();
    for (trace, id) in spans.iter().filter(|span| span.name == "commit").flat_map(|span| &span.links) {
        let linked = spans.iter().find(|span| span.trace == *trace && span.id == *id);
        assert!(linked.is_some_and(|span| span.name.ends_with("/SendMessage")), "{linked:?}");
    }
}

#[tokio::test]
async fn a_fact_continues_its_trace_through_the_log() {
    let collector = Collector::start().await;
    let server = observed(&collector, Options::new()).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[]).await;
    let listener = Realtime::follow(&server, &alice, &[&group]).await;
    let traced = alice.to_rest().with_header("traceparent", &format!("00-{TRACE}-{CLIENT}-01"));
    let answer = traced.post(&format!("{}/members", ch(&group)), &json!({"userIds": [bob.id]})).await;
    assert!(answer.is_success(), "{}", answer.text);
    listener.event(&alice.chat(&group), "channel.member_joined").await;
    eventually("the fact was consumed, published and delivered in its trace", || async {
        let spans = collector.trace(TRACE);
        let of = |name: &str| spans.iter().find(|span| span.name.contains(name)).cloned();
        let served = spans.iter().find(|s| s.name.ends_with("/AddMembers") && s.kind == SpanKind::Server);
        match (served, of("consume channel"), of("publish"), of("deliver")) {
            (Some(served), Some(consume), Some(publish), Some(deliver)) => {
                assert_eq!(consume.parent, served.id);
                assert_eq!(publish.parent, consume.id);
                assert!(spans.iter().any(|span| span.name == "publish" && span.id == deliver.parent));
                Ok(())
            }
            _ => Err(spans),
        }
    })
    .await;
}

#[tokio::test]
async fn only_the_share_that_was_asked_for_is_recorded_and_ids_travel_all_the_same() {
    let collector = Collector::start().await;
    let options = Options::new()
        .with("telemetry.otlp_endpoint", collector.url())
        .with("telemetry.export_interval_s", 1)
        .with("gateway.trusted_proxies", "127.0.0.1")
        .with("telemetry.sample_ratio", "0.0");
    let mut server = Harness::start_with(options).await;
    let alice = server.user("alice").await;
    let answer = alice.get("/api/channels").await;
    let place = answer.headers["traceparent"].to_str().unwrap().to_owned();
    assert!(place.ends_with("-00"), "{place}");
    let traced = alice.to_rest().with_header("traceparent", &format!("00-{TRACE}-{CLIENT}-01"));
    traced.get("/api/channels").await;
    server.terminate().await;
    let spans = collector.spans();
    assert!(!spans.is_empty() && spans.iter().all(|span| span.trace == TRACE), "{spans:#?}");
}

#[tokio::test]
async fn a_client_does_not_decide_what_is_recorded() {
    let strangers = format!("00-{TRACE}-{CLIENT}-01");
    for (ratio, recorded) in [("0.0", false), ("1.0", true)] {
        let collector = Collector::start().await;
        let options = Options::new()
            .with("telemetry.otlp_endpoint", collector.url())
            .with("telemetry.export_interval_s", 1)
            .with("telemetry.sample_ratio", ratio);
        let mut server = Harness::start_with(options).await;
        let alice = server.user("alice").await.to_rest().with_header("traceparent", &strangers);
        let answer = alice.get("/api/channels").await;
        let place = answer.headers["traceparent"].to_str().unwrap().to_owned();
        assert!(!place.contains(TRACE), "{place}");
        assert_eq!(place.ends_with("-01"), recorded, "{place}");
        server.terminate().await;
        let spans = collector.spans();
        let linked = spans.iter().any(|span| span.links.contains(&(TRACE.to_owned(), CLIENT.to_owned())));
        assert_eq!((!spans.is_empty(), linked), (recorded, recorded), "{spans:#?}");
        assert!(spans.iter().all(|span| span.trace != TRACE), "{spans:#?}");
    }
}

#[tokio::test]
async fn metrics_arrive_at_the_collector() {
    let collector = Collector::start().await;
    let server = observed(&collector, Options::new().embedded()).await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    alice.send(&group, "counted").await;
    eventually("the message is counted at the collector", || async {
        let metric = collector.metric("parlance_messages_stored_total");
        match metric.as_ref().and_then(|metric| metric.data.as_ref()) {
            Some(Data::Sum(sum)) if format!("{:?}", sum.data_points[0].value).contains("1.0") => {
                assert!(sum.is_monotonic);
                Ok(())
            }
            _ => Err(metric),
        }
    })
    .await;
    let Some(Data::Histogram(commits)) = collector.metric("parlance_commit_seconds").unwrap().data else {
        panic!("commit seconds are a histogram")
    };
    let point = &commits.data_points[0];
    assert!(point.count > 0 && point.bucket_counts.iter().sum::<u64>() == point.count, "{point:?}");
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    for entry in CATALOG {
        assert!(collector.metric(entry.name).is_some(), "{} is not exported", entry.name);
    }
    let resource = collector.resources().remove(0);
    assert_eq!(resource["service.name"], "parlance-serve");
    assert!(!resource["service.version"].is_empty() && !resource["service.instance.id"].is_empty());
}

#[tokio::test]
async fn an_absent_collector_is_told_once_and_holds_up_nothing() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = Options::new()
        .embedded()
        .with("telemetry.otlp_endpoint", format!("http://{nowhere}"))
        .with("telemetry.export_interval_s", 1);
    let mut server = Harness::start_with(options).await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    eventually("several exports have failed", || async {
        alice.send(&group, "in time").await;
        let text = server.anonymous().get("/metrics").await.text;
        let failed =
            |signal: &str| value(&text, &format!("failed_exports_total{{signal=\"{signal}\"}}")) >= 3.0;
        if failed("traces") && failed("metrics") { Ok(()) } else { Err(text) }
    })
    .await;
    assert!(server.terminate().await.success());
    assert_eq!(server.log().matches("collector takes nothing").count(), 2, "{}", server.log());
}

/// The value of the line that starts so, behind `parlance_otlp_`.
fn value(text: &str, line: &str) -> f64 {
    let line = format!("parlance_otlp_{line} ");
    text.lines().find_map(|one| one.strip_prefix(&line)?.parse().ok()).unwrap_or_default()
}

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("helm/parlance")
}

/// Every PromQL expression of the dashboard and of the alerts, with where it stands.
fn expressions() -> Vec<(String, String)> {
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(chart().join("dashboards/parlance.json")).unwrap())
            .unwrap();
    let mut found = Vec::new();
    collect("dashboard", &dashboard, &mut found);
    assert!(found.len() > 40, "the dashboard asks for little: {found:?}");
    let alerts = std::fs::read_to_string(chart().join("alerts/parlance.yaml")).unwrap();
    let mut lines = alerts.lines().peekable();
    let mut alert = String::new();
    while let Some(line) = lines.next() {
        let words = line.trim_start();
        if let Some(name) = words.strip_prefix("- alert: ") {
            alert = name.to_owned();
        } else if let Some(expression) = words.strip_prefix("expr: ") {
            let depth = line.len() - words.len();
            let mut expression = expression.trim_start_matches(['|', '>', '-']).to_owned();
            // A block goes on while it is indented deeper.
            while let Some(next) = lines.next_if(|next| next.len() - next.trim_start().len() > depth) {
                expression.push(' ');
                expression.push_str(next.trim());
            }
            found.push((format!("alert {alert}"), expression));
        }
    }
    assert!(found.iter().filter(|(place, _)| place.starts_with("alert ")).count() > 10);
    found
}

/// `expr` of panels and `query` of variables, with the titles above them.
fn collect(place: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            let place = fields.get("title").and_then(Value::as_str).unwrap_or(place);
            for (name, inner) in fields {
                match inner.as_str() {
                    Some(expression) if name == "expr" || (name == "query" && expression.contains('(')) => {
                        found.push((place.to_owned(), expression.to_owned()));
                    }
                    _ => collect(place, inner, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|inner| collect(place, inner, found)),
        _ => {}
    }
}

/// The metrics that an expression names: words with our prefixes outside of label matchers and quotes.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = expression.split(|c: char| !is_word(c));
    let ours = words.filter(|word| word.starts_with("parlance_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

fn entry_of(metric: &str) -> &'static Entry {
    let base = |suffix: &str| metric.strip_suffix(suffix).unwrap_or(metric);
    let names = [metric, base("_bucket"), base("_sum"), base("_count")];
    CATALOG
        .iter()
        .find(|entry| names.contains(&entry.name))
        .unwrap_or_else(|| panic!("{metric} is not in the catalog of metrics"))
}

#[test]
fn dashboard_and_alerts_ask_only_for_metrics_and_labels_that_exist() {
    for (place, expression) in expressions() {
        let metrics = metrics_in(&expression);
        let foreign = ["up{", "up ", "up)", "kube_"].iter().any(|name| expression.contains(name));
        assert!(!metrics.is_empty() || foreign, "{place} names no metric of ours: {expression}");
        if metrics.is_empty() {
            continue;
        }
        // Labels in matchers and groupings are the metrics' own, or those that scraping adds.
        let own: BTreeSet<&str> =
            metrics.iter().flat_map(|metric| entry_of(metric).labels.iter().copied()).collect();
        for label in labels_in(&expression) {
            let scraped =
                ["namespace", "role", "pod", "container", "resource", "le"].contains(&label.as_str());
            assert!(scraped || own.contains(label.as_str()), "{place}: label {label} in {expression}");
        }
    }
}

/// Labels of matchers `{a="x"}` and groupings `by (a, b)`.
fn labels_in(expression: &str) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    for (at, _) in expression.match_indices('{') {
        let inner = expression[at + 1..].split('}').next().unwrap_or_default();
        for matcher in inner.split(',') {
            let name = matcher.split(['=', '!']).next().unwrap_or_default().trim();
            labels.extend((!name.is_empty() && !name.starts_with('$')).then(|| name.to_owned()));
        }
    }
    for word in [" by (", " by(", "by (", "without (", "on (", "ignoring ("] {
        for (at, _) in expression.match_indices(word) {
            let inner = expression[at + word.len()..].split(')').next().unwrap_or_default();
            labels
                .extend(inner.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()));
        }
    }
    labels
}

/// Whether Prometheus text has samples of a metric.
fn shows(text: &str, metric: &str) -> bool {
    text.lines().any(|line| line.strip_prefix(metric).is_some_and(|rest| rest.starts_with(['{', ' '])))
}

/// What each role must show, by name of the metric: all that the catalog says, dashboard and alerts included.
fn expected_of(role: &str) -> BTreeSet<String> {
    let asked = expressions().into_iter().flat_map(|(_, expression)| metrics_in(&expression));
    let listed = CATALOG.iter().map(|entry| match entry.kind {
        catalog::Kind::Histogram => format!("{}_bucket", entry.name),
        _ => entry.name.to_owned(),
    });
    asked.chain(listed).filter(|metric| catalog::has(role, entry_of(metric))).collect()
}

#[tokio::test]
async fn a_running_program_shows_every_metric_that_dashboard_and_alerts_name_from_its_start() {
    let server = Harness::start_with(Options::new().embedded()).await;
    let text = server.anonymous().get("/metrics").await.text;
    let missing: Vec<_> = expected_of("serve").into_iter().filter(|metric| !shows(&text, metric)).collect();
    assert!(missing.is_empty(), "{missing:?} not in\n{text}");
    for entry in CATALOG {
        let help = format!("# HELP {} ", entry.name);
        assert!(text.contains(&help), "{} has no HELP", entry.name);
    }
}

#[tokio::test]
async fn each_role_shows_what_dashboard_and_alerts_ask_of_it_from_its_start() {
    let server = Harness::start_with(Options::new().distributed()).await;
    for role in catalog::ROLES {
        let nodes = server.of_role(role);
        let url = format!("{}/metrics", nodes[0].ops_url());
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let missing: Vec<_> = expected_of(role).into_iter().filter(|metric| !shows(&text, metric)).collect();
        assert!(missing.is_empty(), "{role}: {missing:?} not in\n{text}");
    }
}

#[test]
fn every_metric_in_the_sources_is_in_the_catalog() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut open = vec![root.join("services"), root.join("gateway")];
    let mut seen = BTreeSet::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for kind in ["counter!(\"", "gauge!(\"", "histogram!(\""] {
                    let names = text.match_indices(kind).map(|(at, _)| &text[at + kind.len()..]);
                    seen.extend(names.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
                }
            }
        }
    }
    seen.retain(|name| !name.starts_with("parlance_test_"));
    for name in &seen {
        entry_of(name);
    }
    for entry in CATALOG {
        assert!(seen.contains(entry.name), "nothing sets {}", entry.name);
    }
}
