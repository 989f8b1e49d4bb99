//! Changes of accounts and sessions: caches are dropped, sockets closed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use parlance_core::{Caller, Micros, Num, Result};
use parlance_proto::event::{Event, ReadLogRequest, SessionRevoked, event::Payload};
use parlance_rpc::Context;
use uuid::Uuid;

use super::connection::Connection;
use crate::realtime::codes::CloseCode;
use crate::state::Edge;

/// How long a revocation is remembered for logins that were verified before it arrived.
const MEMORY: Duration = Duration::from_secs(60);
const PAGE: u32 = 1000;
/// Pause before a log that could not be read is read again.
const RETRY: Duration = Duration::from_secs(1);

/// A login that no longer counts.
#[derive(Debug, Clone)]
struct Revocation {
    at: Instant,
    user: Num,
    cut: Cut,
}

#[derive(Debug, Clone)]
enum Cut {
    /// The account is gone.
    Account,
    Session(String),
    /// Everything issued before.
    IssuedBefore(Micros),
}

/// Recent revocations.
#[derive(Debug, Default)]
pub struct Revoked(Mutex<VecDeque<Revocation>>);

impl Revoked {
    fn add(&self, user: Num, cut: Cut) {
        let now = Instant::now();
        let mut recent = self.0.lock();
        while recent.front().is_some_and(|oldest| now.duration_since(oldest.at) > MEMORY) {
            recent.pop_front();
        }
        recent.push_back(Revocation { at: now, user, cut });
    }

    /// Marks the connection for closing if its login is among the revoked.
    pub fn apply(&self, connection: &Connection) {
        let Some(user) = connection.owner().map(|owner| owner.user) else { return };
        let recent = self.0.lock();
        for revocation in recent.iter().filter(|revocation| revocation.user == user) {
            revocation.cut.apply(connection);
        }
    }
}

impl Cut {
    fn apply(&self, connection: &Connection) {
        let login = connection.login();
        match self {
            Self::Account => connection.close(CloseCode::ForceDisconnect),
            Self::Session(session) if **session == *login.session => {
                connection.close(CloseCode::InvalidToken);
            }
            Self::IssuedBefore(cut) if login.issued_at < *cut => connection.close(CloseCode::InvalidToken),
            Self::Session(_) | Self::IssuedBefore(_) => {}
        }
    }
}

/// Applies one fact of the auth service. Applying it again does no harm.
pub fn apply(edge: &Edge, event: &Event) {
    let (user, cut) = match &event.payload {
        Some(Payload::UserUpdated(updated)) => {
            edge.directory().forget(updated.user_num);
            return;
        }
        Some(Payload::UserDeleted(deleted)) => {
            edge.directory().forget(deleted.user_num);
            (deleted.user_num, Cut::Account)
        }
        Some(Payload::SessionRevoked(revoked)) => (revoked.user_num, cut_of(revoked)),
        _ => return,
    };
    edge.identity().forget_user(user);
    let hub = edge.hub();
    hub.0.revoked.add(user, cut.clone());
    for connection in hub.connections_of(user) {
        cut.apply(&connection);
    }
}

fn cut_of(revoked: &SessionRevoked) -> Cut {
    if revoked.session_id.is_empty() {
        let cut = revoked.issued_before.as_ref().and_then(Micros::from_timestamp);
        Cut::IssuedBefore(cut.unwrap_or(Micros(i64::MAX)))
    } else {
        Cut::Session(revoked.session_id.clone())
    }
}

/// Follows the auth service's log, for facts that the bus has lost: at leisure, and at once when it says so.
pub async fn follow_log(edge: Edge) {
    let pause = Duration::from_secs(edge.settings().realtime.position_check_s.max(1).into());
    let mut position = None;
    loop {
        let lagged = edge.hub().lagged().notified();
        let soon = match catch_up(&edge, position).await {
            Ok(reached) => {
                position = Some(reached);
                pause
            }
            Err(error) => {
                tracing::debug!(%error, "the account log cannot be read for now");
                RETRY
            }
        };
        tokio::select! {
            () = edge.stop().cancelled() => return,
            () = tokio::time::sleep(soon) => {}
            () = lagged => {}
        }
    }
}

/// Applies what follows `position`; from now on, if there is none. The position reached.
async fn catch_up(edge: &Edge, position: Option<u64>) -> Result<u64> {
    let context = Context::new(Caller::service(Uuid::nil()));
    // Beyond every position: tells the top alone.
    let mut after = position.unwrap_or(i64::MAX as u64);
    loop {
        let request = context.request(ReadLogRequest { after_position: after, limit: PAGE });
        let page = edge.auth().read_log(request).await?.into_inner();
        let Some(last) = page.entries.last() else {
            return Ok(position.map_or(page.top_position, |_| after));
        };
        after = last.position;
        for entry in page.entries {
            if let Some(event) = &entry.event {
                apply(edge, event);
            }
        }
    }
}

/// Tells the `user:` subscribers of the event's app what was announced to all of them, or to its audience.
pub async fn broadcast(edge: &Edge, event: &Arc<Event>) {
    let member_nums = match &event.payload {
        Some(Payload::ChannelCreated(created)) => &created.member_nums,
        Some(Payload::ChannelDeleted(deleted)) => &deleted.member_nums,
        _ => return,
    };
    let Ok(app) = Uuid::try_parse(&event.app_id) else { return };
    let Some(data) = crate::dialects::chatsdk::events::render(edge, event).await else { return };
    for stream in edge.hub().streams() {
        // Members are told by an entry of their own streams.
        if stream.key.is_chat() || stream.app != app || member_nums.contains(&stream.key.num) {
            continue;
        }
        let audience = &event.audience_nums;
        if !audience.is_empty() && !audience.contains(&stream.key.num) {
            continue;
        }
        stream.broadcast(&super::render::aside(&stream, data.clone(), event));
    }
}
