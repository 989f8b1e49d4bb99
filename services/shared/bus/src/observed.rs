//! Metrics and spans of a bus, whichever it is.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use parlance_core::Result;
use parlance_telemetry::trace::{self, Kind, Span};

use crate::{Bus, Item, Message, Subscription, Topic, Topics};

/// The same bus, counted: what goes in, what comes out, what was lost. An event of a recorded trace gets a
/// span from here to the bus, and carries the place of that span on to whoever delivers it.
pub fn observed(bus: Arc<dyn Bus>) -> Arc<dyn Bus> {
    Arc::new(Observed(bus))
}

#[derive(Debug)]
struct Observed(Arc<dyn Bus>);

#[async_trait]
impl Bus for Observed {
    async fn publish(&self, mut messages: Vec<(Topic, Message)>) -> Result<()> {
        let started = Instant::now();
        let mut spans: Vec<Span> = messages.iter_mut().filter_map(|(_, message)| span(message)).collect();
        let (mut events, mut wakes, mut heads) = (0, 0, 0);
        for (_, message) in &messages {
            match message {
                Message::Event(_) => events += 1,
                Message::Wake => wakes += 1,
                Message::Heads(_) => heads += 1,
            }
        }
        let outcome = self.0.publish(messages).await;
        match &outcome {
            Ok(()) => {
                for (kind, count) in [("event", events), ("wake", wakes), ("heads", heads)] {
                    if count > 0 {
                        metrics::counter!("parlance_bus_published_total", "kind" => kind).increment(count);
                    }
                }
            }
            Err(error) => {
                metrics::counter!("parlance_bus_failures_total").increment(1);
                spans.iter_mut().for_each(|span| span.fail(error.reason.as_str()));
            }
        }
        metrics::histogram!("parlance_bus_publish_seconds").record(started.elapsed().as_secs_f64());
        outcome
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>> {
        let counter = |kind| metrics::counter!("parlance_bus_received_total", "kind" => kind);
        Ok(Box::new(Counted {
            inner: self.0.subscribe().await?,
            events: counter("event"),
            wakes: counter("wake"),
            heads: counter("heads"),
        }))
    }

    async fn probe(&self) -> Result<()> {
        self.0.probe().await
    }
}

/// The span of an event on its way to the bus; the event continues from it.
fn span(message: &mut Message) -> Option<Span> {
    let Message::Event(event) = message else { return None };
    if !trace::is_recorded(&event.trace) {
        return None;
    }
    let mut span = trace::start(Kind::Producer, "publish", &event.trace);
    span.set("parlance.stream.offset", event.offset as i64);
    Arc::make_mut(event).trace = span.traceparent().to_owned();
    Some(span)
}

struct Counted {
    inner: Box<dyn Subscription>,
    events: metrics::Counter,
    wakes: metrics::Counter,
    heads: metrics::Counter,
}

#[async_trait]
impl Subscription for Counted {
    fn topics(&self) -> Arc<dyn Topics> {
        self.inner.topics()
    }

    async fn recv(&mut self) -> Option<Item> {
        let item = self.inner.recv().await;
        match &item {
            Some(Item::Message(_, Message::Event(_))) => self.events.increment(1),
            Some(Item::Message(_, Message::Wake)) => self.wakes.increment(1),
            Some(Item::Message(_, Message::Heads(_))) => self.heads.increment(1),
            Some(Item::Lagged) => metrics::counter!("parlance_bus_lagged_total").increment(1),
            None => {}
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use parlance_proto::event::Event;

    use super::*;
    use crate::MemoryBus;

    #[tokio::test]
    async fn what_is_observed_arrives_as_it_was_sent() {
        let bus = observed(Arc::new(MemoryBus::new()));
        let mut subscription = bus.subscribe().await.unwrap();
        subscription.topics().listen(Topic::Accounts).await.unwrap();
        let event = Event { id: "one".to_owned(), trace: trace::new_trace(), ..Event::default() };
        let sent = Message::Event(Arc::new(event.clone()));
        bus.publish(vec![(Topic::Accounts, sent), (Topic::Accounts, Message::Wake)]).await.unwrap();
        let Some(Item::Message(Topic::Accounts, Message::Event(arrived))) = subscription.recv().await else {
            panic!("not the event")
        };
        assert_eq!(*arrived, event);
        assert!(matches!(subscription.recv().await, Some(Item::Message(_, Message::Wake))));
        bus.probe().await.unwrap();
    }
}
