use parlance_core::{Error, Micros, Reason, Result};
use parlance_proto::message::{ListThreadRequest, ListThreadResponse, list_thread_request::Cursor};
use parlance_rpc::Context;

use super::{as_seen, message_of, readable};
use crate::convert::limit;
use crate::service::Service;
use crate::store::messages;

const USUAL: u32 = 50;
const MOST: u32 = 200;

/// A page of the live replies to a message, ascending.
pub async fn list_thread(
    service: &Service,
    context: &Context,
    request: ListThreadRequest,
) -> Result<ListThreadResponse> {
    readable(service, context, request.channel_num).await?;
    let parent = message_of(service, context, request.channel_num, request.parent.as_ref()).await?;
    let (mut before, mut after) = (None, None);
    match &request.cursor {
        None => {}
        Some(Cursor::Before(reference)) => {
            let reply = messages::find(service.store.read(), context.caller.app, reference).await?;
            let reply = reply.filter(|row| row.parent_num == parent.num).ok_or_else(|| {
                Error::new(Reason::CursorUnknown, "no such reply in this thread to continue from")
            })?;
            before = Some(reply.seq);
        }
        Some(Cursor::CreatedAfter(at)) => {
            let at = Micros::from_timestamp(at)
                .ok_or_else(|| Error::invalid("created_after", "is out of range"))?;
            after = Some(at);
        }
    }
    let page = limit(request.limit, USUAL, MOST);
    let (replies, has_more) =
        messages::thread(service.store.read(), context.caller.app, parent.num, page, before, after).await?;
    Ok(ListThreadResponse {
        parent: as_seen(service, context, vec![parent]).await?.into_iter().next(),
        replies: as_seen(service, context, replies).await?,
        has_more,
    })
}
