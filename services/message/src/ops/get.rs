use std::collections::HashSet;

use parlance_core::Result;
use parlance_proto::message::{GetMessagesRequest, GetMessagesResponse};
use parlance_rpc::Context;

use super::{as_seen, readable};
use crate::convert::at_most;
use crate::service::Service;
use crate::store::messages;

const MOST: usize = 200;

/// Messages by reference. Naming a channel that the caller may not read is an error; without a
/// channel, what he may not read is left out.
pub async fn get(
    service: &Service,
    context: &Context,
    request: GetMessagesRequest,
) -> Result<GetMessagesResponse> {
    at_most("messages", &request.messages, MOST)?;
    let asks_as_user = context.caller.user_num().is_some();
    if asks_as_user && request.channel_num != 0 {
        readable(service, context, request.channel_num).await?;
    } else if !asks_as_user {
        context.caller.require_server()?;
    }
    let mut rows = messages::find_all(service.store.read(), context.caller.app, &request.messages).await?;
    if request.channel_num != 0 {
        rows.retain(|row| row.channel_num == request.channel_num);
    } else if asks_as_user {
        let channels: HashSet<i64> = rows.iter().map(|row| row.channel_num).collect();
        let mut open = HashSet::new();
        for channel in channels {
            if readable(service, context, channel).await.is_ok() {
                open.insert(channel);
            }
        }
        rows.retain(|row| open.contains(&row.channel_num));
    }
    Ok(GetMessagesResponse { messages: as_seen(service, context, rows).await? })
}
