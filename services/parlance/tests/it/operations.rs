use reqwest::StatusCode;
use serde_json::Value;

use crate::server::Place;

#[tokio::test]
async fn health_readiness_and_metrics_answer_on_the_main_listener() {
    let place = Place::new();
    let server = place.serve();
    let health: Value = reqwest::get(server.url("rest", "/health")).await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "ok");
    let health = reqwest::get(server.url("realtime", "/health")).await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);

    let ready = reqwest::get(server.url("rest", "/ready")).await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    let ready: Value = ready.json().await.unwrap();
    for check in ["auth.database", "channel.database", "message.database", "bus"] {
        assert_eq!(ready["checks"][check], "ok", "{ready}");
    }

    let metrics = reqwest::get(server.url("rest", "/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("process_resident_memory_bytes"), "{metrics}");
    assert!(metrics.contains("parlance_rpc_seconds_bucket"), "{metrics}");
    let statements = metrics.lines().find_map(|line| {
        line.strip_prefix(r#"parlance_sql_statements_total{service="auth"} "#)?.parse::<u64>().ok()
    });
    assert!(statements.is_some_and(|count| count > 0), "{metrics}");
}

#[tokio::test]
async fn with_a_listener_for_operators_readiness_and_metrics_leave_the_main_one() {
    let place = Place::new().with("PARLANCE__OPS__LISTEN", "127.0.0.1:0");
    let server = place.serve();
    for path in ["/health", "/ready", "/metrics"] {
        let answer = reqwest::get(server.url("ops", path)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    let status = async |path| reqwest::get(server.url("rest", path)).await.unwrap().status();
    assert_eq!(status("/health").await, StatusCode::OK);
    assert_eq!(status("/ready").await, StatusCode::NOT_FOUND);
    assert_eq!(status("/metrics").await, StatusCode::NOT_FOUND);
}

#[test]
fn the_start_prints_where_it_serves_and_what_to_paste() {
    let place = Place::new();
    let server = place.serve();
    let printed = crate::server::wait_for("it prints", || {
        Some(server.stdout()).filter(|text| text.contains("Realtime:"))
    });
    assert!(printed.contains(&server.url("rest", "/tokens")), "{printed}");
    assert!(printed.contains("dev-api-key"), "{printed}");
    assert!(
        printed.contains(&format!("ws://{}/connection/websocket", server.address("realtime"))),
        "{printed}"
    );
}
