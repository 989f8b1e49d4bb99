//! What the bus does and says while Redis is away. Everything runs on the test's own thread, whose
//! counters and log are its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use parlance_bus::{Bus as _, Topic};
use parlance_testkit::RedisServer;
use tokio::net::TcpListener;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};

use crate::conformance::redis_bus;
use crate::faults::heard_again;

/// Counts reconnects.
#[derive(Default)]
struct Reconnects(Arc<AtomicU64>);

impl Recorder for Reconnects {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        if key.name() == "parlance_bus_reconnects_total" {
            Counter::from_arc(self.0.clone())
        } else {
            Counter::noop()
        }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Counts the warnings of the bus.
struct Warnings(Arc<AtomicU64>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().starts_with("parlance_bus")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Relaxed);
    }

    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn an_outage_is_warned_of_once_and_its_end_is_counted() {
    let Some(mut server) = RedisServer::start() else { return };
    let (reconnects, warnings) = (Reconnects::default(), Arc::<AtomicU64>::default());
    let _recorder = metrics::set_default_local_recorder(&reconnects);
    let _log = tracing::subscriber::set_default(Warnings(warnings.clone()));
    let bus = redis_bus(&server.url(), "p");
    let mut heard = bus.subscribe().await.unwrap();
    for topic in [Topic::Accounts, Topic::Stream(5)] {
        heard.topics().listen(topic).await.unwrap();
    }
    assert_eq!((warnings.load(Relaxed), reconnects.0.load(Relaxed)), (0, 0));
    for outage in 1..=2 {
        server.kill();
        tokio::time::sleep(Duration::from_secs(3)).await;
        server.restart();
        for topic in [Topic::Accounts, Topic::Stream(5)] {
            heard_again(&bus, &mut heard, topic, outage).await;
        }
        assert_eq!((warnings.load(Relaxed), reconnects.0.load(Relaxed)), (outage, outage));
    }
}

#[tokio::test]
async fn attempts_to_hear_a_redis_that_is_away_grow_rare() {
    let away = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}/1", away.local_addr().unwrap());
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    tokio::spawn(async move {
        while let Ok((connection, _)) = away.accept().await {
            drop(connection);
            counted.fetch_add(1, Relaxed);
        }
    });
    let bus = redis_bus(&url, "p");
    let heard = bus.subscribe().await.unwrap();
    heard.topics().listen(Topic::Accounts).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    // Waits of 50 ms, doubled up to a second, each shortened by up to a half.
    let attempts = attempts.load(Relaxed);
    assert!((4..=14).contains(&attempts), "{attempts}");
}
