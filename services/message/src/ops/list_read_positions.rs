use std::collections::BTreeSet;

use parlance_core::Result;
use parlance_proto::message::{ListReadPositionsRequest, ListReadPositionsResponse, ReadPosition};
use parlance_rpc::Context;

use super::readable;
use crate::service::Service;
use crate::store::{messages, positions};

/// How far each member of a channel has read.
pub async fn list_read_positions(
    service: &Service,
    context: &Context,
    request: ListReadPositionsRequest,
) -> Result<ListReadPositionsResponse> {
    readable(service, context, request.channel_num).await?;
    let (store, app) = (service.store.read(), context.caller.app);
    let rows = positions::of_channel(store, app, request.channel_num).await?;
    // Many members stand at the same few places.
    let seqs: BTreeSet<i64> = rows.iter().map(|row| row.last_seq).collect();
    let ids = messages::ids_at(store, app, request.channel_num, seqs.into_iter().collect()).await?;
    let positions = rows
        .into_iter()
        .map(|row| {
            Ok(ReadPosition {
                user_num: row.user_num,
                last_read_seq: row.last_seq as u64,
                last_read_message_id: ids.get(&row.last_seq).cloned().unwrap_or_default(),
                moved_at: row.moved_at()?.map(|at| at.timestamp()),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(ListReadPositionsResponse { positions })
}
