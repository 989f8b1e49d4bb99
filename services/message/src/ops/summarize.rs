use std::collections::HashMap;

use parlance_core::Result;
use parlance_proto::message::{
    Message, SummarizeChannelsRequest, SummarizeChannelsResponse, summarize_channels_response::Summary,
};
use parlance_rpc::Context;

use super::as_seen;
use crate::convert::at_most;
use crate::service::Service;
use crate::store::{chat, heads, messages, positions};

const MOST: usize = 100;

/// What a channel list shows of each channel. The caller has been given the channels by the channel
/// service, so only trusted callers may ask.
pub async fn summarize(
    service: &Service,
    context: &Context,
    request: SummarizeChannelsRequest,
) -> Result<SummarizeChannelsResponse> {
    context.caller.require_service()?;
    at_most("channel_nums", &request.channel_nums, MOST)?;
    let (store, app) = (service.store.read(), context.caller.app);
    let channels = request.channel_nums;
    let heads = heads::find(store, app, channels.iter().map(|num| chat(*num)).collect()).await?;
    let newest = messages::newest(store, app, channels.clone()).await?;
    let rows = messages::by_nums(store, app, newest).await?;
    let mut last: HashMap<i64, Message> = as_seen(service, context, rows)
        .await?
        .into_iter()
        .map(|message| (message.channel_num, message))
        .collect();
    let unread = match context.caller.user_num() {
        Some(user) => positions::unread_in(store, app, user, channels.clone()).await?,
        None => Vec::new(),
    };
    let unread: HashMap<i64, _> = unread.into_iter().map(|row| (row.channel_num, row)).collect();
    let summaries = channels
        .into_iter()
        .filter_map(|num| {
            let head = heads.get(&chat(num))?;
            Some(Summary {
                channel_num: num,
                last_message: last.remove(&num),
                message_count: head.message_count.max(0) as u64,
                last_seq: head.last_seq as u64,
                unread: unread.get(&num).map_or(0, |row| row.unread.max(0)) as u64,
                last_read_seq: unread.get(&num).map_or(0, |row| row.last_seq) as u64,
            })
        })
        .collect();
    Ok(SummarizeChannelsResponse { summaries })
}
