use parlance_core::{Error, Micros, Num, Reason, Result};
use parlance_proto::message::{
    ListMessagesRequest, ListMessagesResponse, MessageRef, list_messages_request::Cursor,
};
use parlance_rpc::Context;

use super::{as_seen, readable};
use crate::convert::{limit, stored};
use crate::service::Service;
use crate::store::messages::{self, Page};

const USUAL: u32 = 100;
const MOST: u32 = 200;

/// A page of a channel's main list, found by keyset: as fast at its end as at its beginning.
pub async fn list(
    service: &Service,
    context: &Context,
    request: ListMessagesRequest,
) -> Result<ListMessagesResponse> {
    let channel = request.channel_num;
    let (_, head) = readable(service, context, channel).await?;
    let mut page = Page {
        channel,
        limit: limit(request.limit, USUAL, MOST),
        include_deleted: request.include_deleted,
        before: None,
        after: None,
    };
    let mut changed = Vec::new();
    let store = service.store.read();
    match &request.cursor {
        None => {}
        Some(Cursor::Before(reference)) => {
            page.before = Some(seq_of(service, context, channel, reference).await?)
        }
        Some(Cursor::After(reference)) => {
            page.after = Some(seq_of(service, context, channel, reference).await?)
        }
        Some(Cursor::SinceSeq(seq)) => {
            let seq = stored("since_seq", *seq)?;
            page.after = Some(seq);
            page.include_deleted = true;
            if let Some(since) = &request.changed_since {
                let since = Micros::from_timestamp(since)
                    .ok_or_else(|| Error::invalid("changed_since", "is out of range"))?;
                changed = messages::changed_since(store, context.caller.app, channel, seq, since, page.limit)
                    .await?;
            }
        }
    }
    let (rows, has_more) = messages::page(store, context.caller.app, &page).await?;
    changed.extend(rows);
    Ok(ListMessagesResponse {
        messages: as_seen(service, context, changed).await?,
        max_seq: head.last_seq as u64,
        has_more,
    })
}

/// Seq of a message that serves as a cursor; a deleted one still does.
async fn seq_of(service: &Service, context: &Context, channel: Num, reference: &MessageRef) -> Result<i64> {
    messages::find(service.store.read(), context.caller.app, reference)
        .await?
        .filter(|row| row.channel_num == channel)
        .map(|row| row.seq)
        .ok_or_else(|| Error::new(Reason::CursorUnknown, "no such message in this channel to continue from"))
}
