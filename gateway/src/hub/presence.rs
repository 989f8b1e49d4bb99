//! Presence: tells the presence service who is connected here, and users who of theirs came or went.

use std::sync::Arc;
use std::time::Duration;

use parlance_core::{Caller, Num, Result};
use parlance_proto::event::Event;
use parlance_proto::presence::{
    RenewGatewayRequest, ReportConnectionsRequest, report_connections_request::Change,
};
use parlance_rpc::Context;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::stream::StreamKey;
use crate::state::Edge;

/// Changes of one report.
const BATCH: usize = 1000;
/// A gateway silent for 60 s counts as gone.
const RENEWAL: Duration = Duration::from_secs(20);
/// Pause before a failed report is repeated.
const PAUSE: Duration = Duration::from_millis(500);

/// Reports opened and closed connections, in order.
pub struct Reporter {
    changes: mpsc::UnboundedSender<Change>,
}

impl Reporter {
    pub fn start(edge: &Edge) -> Self {
        let (changes, receiver) = mpsc::unbounded_channel();
        edge.tasks().spawn(report(edge.clone(), receiver));
        Self { changes }
    }

    pub fn opened(&self, app: Uuid, user: Num, connection: Uuid) {
        self.send(app, user, connection, true);
    }

    pub fn closed(&self, app: Uuid, user: Num, connection: Uuid) {
        self.send(app, user, connection, false);
    }

    fn send(&self, app: Uuid, user: Num, connection: Uuid, opened: bool) {
        // Fails only while stopping, when the whole gateway counts as gone.
        let _ = self.changes.send(change(app, user, connection, opened));
    }
}

fn change(app: Uuid, user: Num, connection: Uuid, opened: bool) -> Change {
    Change { app_id: app.to_string(), user_num: user, connection_id: connection.to_string(), opened }
}

async fn report(edge: Edge, mut receiver: mpsc::UnboundedReceiver<Change>) {
    let gateway_id = Uuid::new_v4().to_string();
    let mut renewal = tokio::time::interval(RENEWAL);
    renewal.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut changes = Vec::new();
    loop {
        // What could not be reported stays at the front.
        let failed = if changes.is_empty() {
            tokio::select! {
                () = edge.stop().cancelled() => return,
                _ = receiver.recv_many(&mut changes, BATCH) => false,
                _ = renewal.tick() => false,
            }
        } else {
            true
        };
        if failed {
            tokio::select! {
                () = edge.stop().cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        let told = if changes.is_empty() {
            renew(&edge, &gateway_id).await
        } else {
            send(&edge, &gateway_id, &changes).await
        };
        match told {
            Ok(resync) => {
                changes.clear();
                if resync {
                    changes = all(&edge);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "presence cannot be told of connections for now");
                // Whether it has heard, and forgotten us before, is not known: everything again.
                changes.retain(|change| !change.opened);
                changes.extend(all(&edge));
            }
        }
    }
}

async fn renew(edge: &Edge, gateway_id: &str) -> Result<bool> {
    let connections = edge.hub().connection_count().try_into().unwrap_or(u32::MAX);
    let request = RenewGatewayRequest { gateway_id: gateway_id.to_owned(), connections };
    Ok(edge.presence().renew_gateway(errand().request(request)).await?.into_inner().resync)
}

/// Reports all changes; whether presence wants everything again.
async fn send(edge: &Edge, gateway_id: &str, changes: &[Change]) -> Result<bool> {
    for part in changes.chunks(BATCH) {
        let request = ReportConnectionsRequest { gateway_id: gateway_id.to_owned(), changes: part.to_vec() };
        if edge.presence().report_connections(errand().request(request)).await?.into_inner().resync {
            return Ok(true);
        }
    }
    Ok(false)
}

fn all(edge: &Edge) -> Vec<Change> {
    let connections = edge.hub().0.connections.all();
    let owned = connections.iter().filter_map(|one| Some((one.owner()?, one.client)));
    owned.map(|(owner, client)| change(owner.app, owner.user, client, true)).collect()
}

fn errand() -> Context {
    Context::new(Caller::service(Uuid::nil())).with_timeout(Duration::from_secs(5))
}

/// Hands a presence change to those of its audience who are subscribed here.
pub async fn spread(edge: &Edge, event: &Arc<Event>) {
    let streams: Vec<_> =
        event.audience_nums.iter().filter_map(|&user| edge.hub().stream(StreamKey::user(user))).collect();
    if streams.is_empty() {
        return;
    }
    let Some(data) = crate::dialects::chatsdk::events::render(edge, event).await else { return };
    for stream in streams.iter().filter(|stream| stream.app.to_string() == event.app_id) {
        stream.broadcast(&super::render::aside(stream, data.clone(), event));
    }
}
