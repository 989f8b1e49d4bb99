//! A consumer that stops reading is closed, harms nobody, and recovers everything.

use parlance_integration_tests::checker::{Acknowledged, Evidence, Received, assert_faultless};
use tokio::net::TcpSocket;
use tokio_tungstenite::MaybeTlsStream;

use crate::prelude::*;
use crate::realtime::storm::stored;

/// A connection with small buffers on its side, so that the server feels a stall soon.
async fn narrow(server: &Harness) -> Realtime {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(server.addresses().realtime.parse().unwrap()).await.unwrap();
    let (socket, _) =
        tokio_tungstenite::client_async(server.realtime_url(), MaybeTlsStream::Plain(stream)).await.unwrap();
    Realtime::over(socket, Encoding::Json)
}

async fn closed_as_slow(server: &Harness) -> bool {
    let metrics = server.metrics().await;
    metrics
        .lines()
        .filter(|line| line.starts_with("parlance_realtime_closed_total") && line.contains("\"3008\""))
        .any(|line| !line.ends_with(" 0"))
}

#[tokio::test]
async fn a_consumer_that_stops_reading_is_closed_as_slow_and_recovers_everything() {
    let options = Options::new().with("realtime.max_queue_bytes", 256 * 1024);
    let server = Harness::start_with(options).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let chat = bob.chat(&group);
    let healthy = Realtime::follow(&server, &alice, &[&group]).await;
    let slow = narrow(&server).await;
    assert!(slow.authenticate(&bob.ws_token).await.error.is_none());
    let start = slow.subscribed(&chat).await;
    slow.stall(true);

    let mut evidence = Evidence::default();
    let mut number = 0;
    while !closed_as_slow(&server).await {
        for _ in 0..20 {
            let key = format!("m{number}");
            let body = json!({"text": format!("{key} {}", "x".repeat(9_900)), "clientMsgId": key});
            evidence.attempted.push(key.clone());
            let message = alice.send_body(&group, &body).await.created();
            evidence.acknowledged.push(Acknowledged { sender: 0, key, id: id(&message), seq: seq(&message) });
            number += 1;
        }
        assert!(number < 2000, "{} MB are queued for somebody who does not read", number / 100);
    }
    slow.stall(false);
    let close = slow.closed().await;
    // The close frame may not have fitted any more; then the connection just ends.
    assert!(close.code == 3008 || close.code == 1006, "{close:?}");

    let mut received = of(&slow.state().on(&chat));
    let mut position = received.last().map_or(start.offset, |one| one.offset);
    while received.len() < evidence.acknowledged.len() {
        let client = Realtime::connect(&server, &bob).await;
        let result = client.recover(&chat, position, &start.epoch).await.subscribe.unwrap();
        assert!(result.recovered, "recovered from {position}");
        let missed = of(&result.publications);
        assert!(!missed.is_empty());
        position = missed.last().unwrap().offset;
        received.extend(missed);
    }
    evidence.received = Some(received);
    evidence.stored = stored(&bob, &group).await;
    assert_faultless(&evidence);
    // The others have not noticed.
    let last = evidence.acknowledged.last().unwrap().id.clone();
    healthy.event_where(&chat, "message.new", |event| event["message"]["id"] == last.as_str()).await;
    assert!(healthy.state().close.is_none());
}

fn of(publications: &[parlance_integration_tests::realtime::Publication]) -> Vec<Received> {
    let news = publications.iter().filter(|one| one.offset > 0 && one.kind() == "message.new");
    news.map(|one| {
        let message = one.payload()["message"].clone();
        Received { id: id(&message), seq: seq(&message), offset: one.offset }
    })
    .collect()
}
