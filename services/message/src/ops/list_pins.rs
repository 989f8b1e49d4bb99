use parlance_core::Result;
use parlance_proto::message::{ListPinsRequest, ListPinsResponse};
use parlance_rpc::Context;

use super::{as_seen, readable};
use crate::service::Service;
use crate::store::messages;

/// Pinned messages of a channel, the newest pin first.
pub async fn list_pins(
    service: &Service,
    context: &Context,
    request: ListPinsRequest,
) -> Result<ListPinsResponse> {
    readable(service, context, request.channel_num).await?;
    let rows = messages::pinned(service.store.read(), context.caller.app, request.channel_num).await?;
    Ok(ListPinsResponse { messages: as_seen(service, context, rows).await? })
}
