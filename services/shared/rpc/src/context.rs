use std::time::{Duration, Instant};

use parlance_core::{Actor, Caller, Error, Reason, Result};
use parlance_telemetry::trace;
use tonic::metadata::{Ascii, MetadataValue};

use crate::metadata;

/// Who asks, until when, in which trace: what every request carries on its way down.
#[derive(Debug, Clone)]
pub struct Context {
    pub caller: Caller,
    pub deadline: Instant,
    /// W3C traceparent: the place in its trace that this request's calls and events carry on.
    pub trace: String,
}

impl Context {
    /// A new request at the edge, or a service's own errand. It belongs to the trace that this task works
    /// for; an errand that nobody asked for has a trace of its own, which is not recorded.
    pub fn new(caller: Caller) -> Self {
        let trace = trace::current().map_or_else(trace::new_trace, |place| place.as_ref().to_owned());
        Self { caller, deadline: Instant::now() + crate::timeout::USUAL, trace }
    }

    /// The context of an incoming request; the server stack has put it there.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Self> {
        request.extensions().get::<Context>().cloned().ok_or_else(|| {
            Error::new(Reason::CredentialsMissing, "no caller: the server stack was not applied")
        })
    }

    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.deadline = self.deadline.min(Instant::now() + timeout);
        self
    }

    /// Continues the trace of an incoming HTTP request, if its header is well formed.
    pub fn with_trace(mut self, traceparent: Option<&str>) -> Self {
        if let Some(trace) = traceparent.filter(|text| trace::is_traceparent(text)) {
            self.trace = trace.to_owned();
        }
        self
    }

    /// The same errand on the service's own account, for questions that the user need not be able to ask.
    pub fn as_service(&self) -> Self {
        Self { caller: Caller::service(self.caller.app), ..self.clone() }
    }

    /// The same errand for a user.
    pub fn as_user(&self, num: parlance_core::Num) -> Self {
        Self { caller: Caller::user(self.caller.app, num), ..self.clone() }
    }

    /// The trace id: 32 hex digits.
    pub fn trace_id(&self) -> &str {
        trace::trace_id(&self.trace).unwrap_or_default()
    }

    /// `message` as a request that carries this context.
    pub fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        let left = self.deadline.saturating_duration_since(Instant::now());
        request.set_timeout(left.max(Duration::from_millis(1)));
        let out = request.metadata_mut();
        out.insert(metadata::APP, ascii(&self.caller.app.to_string()));
        out.insert(metadata::ACTOR, ascii(&actor_text(&self.caller.actor)));
        out.insert(metadata::TRACEPARENT, ascii(&self.trace));
        request
    }

    /// The same for a call about one channel: replicas keep what they know of it warm.
    pub fn routed<T>(&self, channel: parlance_core::Num, message: T) -> tonic::Request<T> {
        let mut request = self.request(message);
        request.metadata_mut().insert(metadata::ROUTE, MetadataValue::from(channel));
        request
    }

    /// Lets a call be repeated if its answer is lost: it carries a key by which a second one finds the
    /// first. Calls that may always be repeated say so in their `.proto` (`idempotency_level`).
    pub fn keyed<T>(mut request: tonic::Request<T>) -> tonic::Request<T> {
        request.metadata_mut().insert(metadata::KEYED, MetadataValue::from_static("1"));
        request
    }
}

fn ascii(text: &str) -> MetadataValue<Ascii> {
    MetadataValue::try_from(text).unwrap_or_else(|_| MetadataValue::from_static(""))
}

fn actor_text(actor: &Actor) -> String {
    match actor {
        Actor::Service => "service".to_owned(),
        Actor::App => "app".to_owned(),
        Actor::Public => "public".to_owned(),
        Actor::User { num } => format!("user:{num}"),
    }
}

pub(crate) fn parse_actor(text: &str) -> Option<Actor> {
    match text {
        "service" => Some(Actor::Service),
        "app" => Some(Actor::App),
        "public" => Some(Actor::Public),
        _ => text.strip_prefix("user:")?.parse().ok().map(|num| Actor::User { num }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_survive_the_wire_and_unknown_ones_do_not_parse() {
        for actor in [Actor::Service, Actor::App, Actor::Public, Actor::User { num: 42 }] {
            assert_eq!(parse_actor(&actor_text(&actor)), Some(actor));
        }
        assert_eq!(parse_actor("root"), None);
        assert_eq!(parse_actor("user:x"), None);
    }

    #[test]
    fn a_malformed_traceparent_is_not_continued() {
        let context = Context::new(Caller::service(uuid::Uuid::nil()));
        assert!(trace::is_traceparent(&context.trace));
        let own = context.trace.clone();
        assert_eq!(context.clone().with_trace(Some("00-x-y-01")).trace, own);
        let other = trace::new_trace();
        assert_eq!(context.with_trace(Some(&other)).trace, other);
    }

    #[tokio::test]
    async fn a_context_made_within_a_request_belongs_to_its_trace() {
        let place = trace::new_trace();
        let context = trace::within(&place, async { Context::new(Caller::service(uuid::Uuid::nil())) }).await;
        assert_eq!(context.trace, place);
    }
}
