//! Spans, and the trace that this task works for.
//!
//! A trace travels as a W3C `traceparent`: in HTTP headers, in gRPC metadata, in `Event.trace`, and within a
//! process beside the task ([`within`]). A span is a child of the `traceparent` it is started with; what it does
//! carries its own on. Without a collector nothing is recorded and a `traceparent` passes through unchanged, so
//! log lines of one request share a trace id all the same.

use std::borrow::Cow;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, Status, TraceContextExt as _, TraceFlags, TraceState,
};
use opentelemetry::{Context, KeyValue, SpanId, TraceId};
use opentelemetry_sdk::trace::SdkTracer;

pub use opentelemetry::Value;
pub use opentelemetry::trace::SpanKind as Kind;

/// Set while spans are exported.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

tokio::task_local! {
    static CURRENT: Arc<str>;
}

pub(crate) fn record_with(tracer: SdkTracer) -> anyhow::Result<()> {
    TRACER.set(tracer).map_err(|_| anyhow::anyhow!("traces are exported already"))
}

/// A step of a trace. Ends when dropped.
#[derive(Debug)]
pub struct Span {
    recording: Option<Box<opentelemetry_sdk::trace::Span>>,
    traceparent: String,
}

impl Span {
    fn of(span: opentelemetry_sdk::trace::Span) -> Self {
        let traceparent = text_of(span.span_context());
        Self { recording: span.is_recording().then(|| Box::new(span)), traceparent }
    }

    /// What the step's own calls and events carry on.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// Whether anybody will see it: attributes that cost something to make are made only then.
    pub fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    /// An attribute. Never message text, never a token.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.recording {
            span.set_attribute(KeyValue::new(key, value.into()));
        }
    }

    pub fn rename(&mut self, name: impl FnOnce() -> String) {
        if let Some(span) = &mut self.recording {
            span.update_name(name());
        }
    }

    /// Marks the step as failed; `why` is a reason or a code, nothing that a user wrote.
    pub fn fail(&mut self, why: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.recording {
            span.set_status(Status::error(why));
        }
    }

    /// Ends at a time that has passed.
    pub fn end_at(mut self, at: SystemTime) {
        if let Some(span) = &mut self.recording {
            span.end_with_timestamp(at);
        }
    }
}

/// Starts a step. Without a well-formed parent it is the first of a new trace.
pub fn start(kind: Kind, name: &'static str, parent: &str) -> Span {
    let known = parse(parent);
    match (TRACER.get(), known) {
        (Some(tracer), Some(parent)) if parent.is_sampled() => {
            Span::of(SpanBuilder::from_name(name).with_kind(kind).start_with_context(tracer, &under(parent)))
        }
        (Some(tracer), None) => {
            Span::of(SpanBuilder::from_name(name).with_kind(kind).start_with_context(tracer, &Context::new()))
        }
        (_, Some(_)) => Span { recording: None, traceparent: parent.to_owned() },
        (None, None) => Span { recording: None, traceparent: new_trace() },
    }
}

/// Starts the first step of a new trace, whatever a stranger says of his own: that one is linked at most, so that
/// whether it is recorded is decided here.
pub fn start_apart(kind: Kind, name: &'static str, strangers: &str) -> Span {
    let Some(tracer) = TRACER.get() else { return Span { recording: None, traceparent: new_trace() } };
    let links = parse(strangers).map(|theirs| Link::new(theirs, Vec::new(), 0)).into_iter().collect();
    let builder = SpanBuilder::from_name(name).with_kind(kind).with_links(links);
    Span::of(builder.start_with_context(tracer, &Context::new()))
}

/// Starts a step that is done for several traces at once: a child of the first one that is recorded, linked to
/// the others. `None` if none is.
pub fn start_for_many<'a>(
    kind: Kind,
    name: &'static str,
    traces: impl IntoIterator<Item = &'a str>,
) -> Option<Span> {
    let tracer = TRACER.get()?;
    let mut recorded = traces.into_iter().filter_map(parse).filter(SpanContext::is_sampled);
    let parent = recorded.next()?;
    let links = recorded.map(|trace| Link::new(trace, Vec::new(), 0)).collect();
    let builder = SpanBuilder::from_name(name).with_kind(kind).with_links(links);
    Some(Span::of(builder.start_with_context(tracer, &under(parent))))
}

/// Whether steps of this trace are recorded.
pub fn is_recorded(traceparent: &str) -> bool {
    TRACER.get().is_some() && parse(traceparent).is_some_and(|context| context.is_sampled())
}

/// Whether both are places in the same trace.
pub fn same_trace(one: &str, other: &str) -> bool {
    matches!((trace_id(one), trace_id(other)), (Some(one), Some(other)) if one == other)
}

/// The trace id: 32 hex digits.
pub fn trace_id(traceparent: &str) -> Option<&str> {
    traceparent.get(3..35)
}

/// Has `work` work for a trace: what it asks of others and what it logs names it.
pub fn within<F: Future>(traceparent: &str, work: F) -> impl Future<Output = F::Output> + use<F> {
    CURRENT.scope(Arc::from(traceparent), work)
}

/// The `traceparent` that this task works for.
pub fn current() -> Option<Arc<str>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Shows the trace id of this task without copying it.
pub(crate) fn with_current_id<T>(show: impl FnOnce(&str) -> T) -> Option<T> {
    CURRENT.try_with(|current| trace_id(current).map(show)).ok().flatten()
}

/// A place in a trace of its own, which is not recorded: for a service's own errands.
pub fn new_trace() -> String {
    let span = uuid::Uuid::new_v4().as_u64_pair().1;
    format!("00-{}-{span:016x}-00", uuid::Uuid::new_v4().simple())
}

/// Whether a text is a `traceparent`.
pub fn is_traceparent(text: &str) -> bool {
    parse(text).is_some()
}

/// W3C Trace Context, level 1: version, trace id, parent id, flags; later versions may add fields.
fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let sizes = (version.len(), trace.len(), span.len(), flags.len()) == (2, 32, 16, 2);
    let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let whole = [version, trace, span, flags].into_iter().all(is_hex) && version != "ff";
    if !sizes || !whole || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        flags,
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

fn text_of(context: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8())
}

fn under(parent: SpanContext) -> Context {
    Context::new().with_remote_span_context(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_well_formed_places_are_continued() {
        assert!(is_traceparent(SAMPLED));
        assert!(is_traceparent(&new_trace()));
        assert!(is_traceparent(
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be-like"
        ));
        for wrong in [
            "",
            "00-x-y-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        ] {
            assert!(!is_traceparent(wrong), "{wrong}");
        }
    }

    #[test]
    fn without_a_collector_a_place_passes_through_unchanged_and_nothing_is_recorded() {
        let span = start(Kind::Server, "test", SAMPLED);
        assert_eq!(span.traceparent(), SAMPLED);
        assert!(!span.is_recording() && !is_recorded(SAMPLED));
        assert!(start_for_many(Kind::Internal, "test", [SAMPLED]).is_none());
        assert!(is_traceparent(start(Kind::Server, "test", "nonsense").traceparent()));
    }

    #[test]
    fn a_strangers_trace_is_not_continued() {
        let span = start_apart(Kind::Server, "test", SAMPLED);
        assert!(is_traceparent(span.traceparent()) && !same_trace(span.traceparent(), SAMPLED));
        assert!(!is_recorded(span.traceparent()));
    }

    #[tokio::test]
    async fn a_task_knows_the_trace_it_works_for() {
        assert_eq!(current(), None);
        within(SAMPLED, async {
            assert_eq!(current().as_deref(), Some(SAMPLED));
            assert_eq!(with_current_id(str::to_owned).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        })
        .await;
        assert!(same_trace(SAMPLED, "00-4bf92f3577b34da6a3ce929d0e0e4736-aaf067aa0ba902b7-00"));
        assert!(!same_trace(SAMPLED, &new_trace()) && !same_trace("", ""));
    }
}
