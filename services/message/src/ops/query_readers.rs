use parlance_core::{Micros, Result};
use parlance_proto::message::{
    QueryReadersRequest, QueryReadersResponse, Reader, message_ref::Ref, query_readers_response::Readers,
};
use parlance_rpc::Context;

use super::readable;
use crate::convert::{at_most, limit};
use crate::service::Service;
use crate::store::positions::PositionRow;
use crate::store::rows::MessageRow;
use crate::store::{messages, positions};

const MOST_MESSAGES: usize = 100;
const USUAL_READERS: u32 = 10;
const MOST_READERS: u32 = 1000;

/// Who has read some messages, derived from read positions; the author is left out.
pub async fn query_readers(
    service: &Service,
    context: &Context,
    request: QueryReadersRequest,
) -> Result<QueryReadersResponse> {
    at_most("messages", &request.messages, MOST_MESSAGES)?;
    readable(service, context, request.channel_num).await?;
    let app = context.caller.app;
    let rows = messages::find_all(service.store.read(), app, &request.messages).await?;
    let all = positions::of_channel(service.store.read(), app, request.channel_num).await?;
    let most = limit(request.limit, USUAL_READERS, MOST_READERS) as usize;
    let results = request
        .messages
        .iter()
        .map(|reference| {
            let row =
                rows.iter().filter(|row| row.channel_num == request.channel_num).find(|row| match &reference
                    .r#ref
                {
                    Some(Ref::Num(num)) => row.num == *num,
                    Some(Ref::Id(id)) => row.public_id() == *id,
                    None => false,
                });
            match row {
                Some(row) => readers_of(row, &all, most),
                None => Ok(Readers::default()),
            }
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(QueryReadersResponse { results })
}

/// Readers of one message, those who read it first in front.
fn readers_of(row: &MessageRow, positions: &[PositionRow], most: usize) -> Result<Readers> {
    let mut readers = Vec::new();
    for position in positions {
        if position.user_num == row.author_num || !position.has_read(row.seq) {
            continue;
        }
        // An own message moved the position: then everything before it had been read by the last mark.
        let at = position.passed_at(row.seq)?.or(position.moved_at()?).unwrap_or(Micros(row.created_at));
        readers.push((at, position.user_num));
    }
    readers.sort_unstable();
    Ok(Readers {
        found: true,
        message_id: row.public_id(),
        author_num: row.author_num,
        count: readers.len() as u32,
        readers: readers
            .into_iter()
            .take(most)
            .map(|(at, user_num)| Reader { user_num, read_at: Some(at.timestamp()) })
            .collect(),
    })
}
