//! The last step of a trace: from the bus to the sockets.

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use parlance_proto::event::Event;
use parlance_telemetry::trace::{self, Kind, Span};

/// One span for an event and all sockets of this gateway that show it. Ends with the last write; if some
/// socket never takes it, at the time of the last one that did.
#[derive(Debug)]
pub struct Delivery(Mutex<State>);

#[derive(Debug)]
struct State {
    span: Option<Span>,
    /// Sockets that have not written it yet, and one for the hub while it hands out.
    left: usize,
    queued: i64,
    written: i64,
    last: SystemTime,
}

impl Delivery {
    /// `None` unless the event's trace is recorded: deliveries of others cost nothing.
    pub fn of(event: &Event) -> Option<Arc<Self>> {
        if !trace::is_recorded(&event.trace) {
            return None;
        }
        let mut span = trace::start(Kind::Consumer, "deliver", &event.trace);
        span.set("parlance.stream.offset", event.offset as i64);
        let state = State { span: Some(span), left: 1, queued: 0, written: 0, last: SystemTime::now() };
        Some(Arc::new(Self(Mutex::new(state))))
    }

    /// It waits for one more socket.
    pub fn queued(&self) {
        let mut state = self.0.lock();
        state.left += 1;
        state.queued += 1;
    }

    /// A socket has taken it.
    pub fn written(&self) {
        let mut state = self.0.lock();
        state.written += 1;
        state.last = SystemTime::now();
        state.one_less();
    }

    /// The hub has given it to everybody there is.
    pub fn handed_out(&self) {
        self.0.lock().one_less();
    }
}

impl State {
    fn one_less(&mut self) {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(mut span) = self.span.take() {
            span.set("parlance.sockets.queued", self.queued);
            span.set("parlance.sockets.written", self.written);
            span.end_at(self.last);
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.0.get_mut().end();
    }
}
