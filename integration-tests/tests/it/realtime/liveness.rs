//! centrifugo.md §6: pings, deadlines, draining.

use std::time::{Duration, Instant};

use crate::prelude::*;

#[tokio::test]
async fn an_answered_ping_keeps_the_connection_and_an_unanswered_one_ends_it() {
    let options = Options::new().with("realtime.ping_interval_s", 1).with("realtime.pong_timeout_s", 1);
    let server = Harness::start_with(options).await;
    let alice = server.user("alice").await;
    for encoding in Encoding::ALL {
        let client = Realtime::connect_in(&server, &alice, encoding).await;
        client.wait_until("three pings", |state| (state.pings >= 3).then_some(())).await;
        assert!(client.state().close.is_none());
        client.mute();
        let close = client.closed().await;
        assert_eq!((close.code, close.reason.is_empty()), (3012, false), "{close:?}");
    }
}

#[tokio::test]
async fn busy_connections_are_pinged_too() {
    let options = Options::new().with("realtime.ping_interval_s", 1);
    let server = Harness::start_with(options).await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let client = Realtime::follow(&server, &alice, &[&group]).await;
    let started = Instant::now();
    while client.state().pings < 2 {
        alice.send(&group, "busy").await;
        assert!(started.elapsed() < PATIENCE, "no pings on a busy connection");
    }
}

#[tokio::test]
async fn a_connection_that_never_connects_is_stale() {
    let options = Options::new().with("realtime.connect_timeout_s", 1);
    let server = Harness::start_with(options).await;
    for encoding in Encoding::ALL {
        let started = Instant::now();
        let client = Realtime::open(&server.realtime_url(), encoding).await;
        let close = client.closed().await;
        assert_eq!((close.code, close.reason.is_empty()), (3502, false), "{close:?}");
        assert!(started.elapsed() > Duration::from_millis(900));
    }
}

#[tokio::test]
async fn sigterm_drains_with_a_reconnect_code_and_a_harmless_reason() {
    let mut server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let mut clients = Vec::new();
    for number in 0..10 {
        let client = Realtime::connect_in(&server, &alice, Encoding::ALL[number % 2]).await;
        client.subscribed(&alice.chat(&group)).await;
        clients.push(client);
    }
    server.begin_terminate();
    for client in &clients {
        let close = client.closed().await;
        assert_eq!(close.code, 3001, "{close:?}");
        assert!(!close.reason.is_empty() && close.reason.len() < 124);
        assert!(serde_json::from_str::<Value>(&close.reason).is_err(), "{}", close.reason);
    }
    assert!(server.ended().await.success(), "{}", server.log());
}
