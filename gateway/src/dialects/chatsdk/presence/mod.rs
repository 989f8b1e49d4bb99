//! `/api/presence` and `/api/channels/{id}/presence`.

pub mod channel;
pub mod heartbeat;
pub mod offline;
pub mod online;
pub mod query;
pub mod set;

use parlance_proto::presence::SetStatusRequest;

use super::auth::Declarer;
use super::prelude::*;

/// The caller declares himself online or offline.
async fn set_status(edge: &Edge, user: &User, online: bool) -> Answer<Success> {
    edge.activity().declared(user.num);
    edge.presence().set_status(user.context.request(SetStatusRequest { online })).await?;
    success()
}
