//! What this service tells others: facts in its log, and the same live.

use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Message, Topic};
use parlance_core::{Micros, Num};
use parlance_proto::event::{
    Event, SessionRevoked, Stream, UserDeleted, UserUpdated, event::Payload, stream::Kind,
};
use parlance_rpc::Context;
use parlance_sql::Committed;
use uuid::Uuid;

use crate::Auth;

/// The name under which the service states facts.
const ORIGIN: &str = "auth";
/// Longest that a call waits for the bus.
const PUBLISH_LIMIT: Duration = Duration::from_millis(500);

pub fn user_updated(context: &Context, app: Uuid, user: Num, now: Micros) -> Event {
    event(context, app, now, Payload::UserUpdated(UserUpdated { user_num: user }))
}

pub fn user_deleted(context: &Context, app: Uuid, user: Num, now: Micros) -> Event {
    event(context, app, now, Payload::UserDeleted(UserDeleted { user_num: user }))
}

pub fn session_revoked(context: &Context, app: Uuid, user: Num, session: Uuid, now: Micros) -> Event {
    let payload = SessionRevoked {
        user_num: user,
        session_id: session.to_string(),
        issued_before: Some(now.timestamp()),
    };
    event(context, app, now, Payload::SessionRevoked(payload))
}

fn event(context: &Context, app: Uuid, now: Micros, payload: Payload) -> Event {
    Event {
        id: Uuid::now_v7().to_string(),
        app_id: app.to_string(),
        stream: Some(Stream { kind: Kind::App.into(), num: 0 }),
        actor_num: context.caller.user_num().unwrap_or_default(),
        occurred_at: Some(now.timestamp()),
        origin: ORIGIN.to_owned(),
        trace: context.trace.clone(),
        payload: Some(payload),
        ..Default::default()
    }
}

/// Publishes committed facts in commit order. What the bus loses, consumers read in the log.
pub async fn publish(auth: &Auth, committed: Committed, facts: Vec<Event>) {
    if facts.is_empty() {
        return;
    }
    let mut messages: Vec<_> =
        facts.into_iter().map(|fact| (Topic::Accounts, Message::Event(Arc::new(fact)))).collect();
    messages.push((Topic::Log(ORIGIN), Message::Wake));
    match tokio::time::timeout(PUBLISH_LIMIT, auth.bus.publish(messages)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "facts were not published; consumers will find them in the log");
        }
        Err(_) => tracing::warn!("facts were not published in time; consumers will find them in the log"),
    }
    drop(committed);
}
