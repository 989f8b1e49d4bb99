use std::collections::HashMap;

use parlance_core::{Error, Reason, Result};
use parlance_proto::event::{Event, stream::Kind};
use parlance_proto::message::{
    ReadStreamsRequest, ReadStreamsResponse, StreamPosition, read_streams_response::Result as Read,
};
use parlance_rpc::Context;

use super::readable;
use crate::bodies;
use crate::convert::{at_most, stored};
use crate::service::Service;
use crate::store::{entries, heads, stream_key};

const MOST_STREAMS: usize = 1000;
const MOST_ENTRIES: u32 = 1000;
/// Entries of all streams together, and what each stream may have however many are asked for.
const MOST_TOGETHER: u32 = 50_000;
const LEAST_EACH: u32 = 100;

/// Positions and entries of many streams in a handful of statements.
pub async fn read_streams(
    service: &Service,
    context: &Context,
    request: ReadStreamsRequest,
) -> Result<ReadStreamsResponse> {
    at_most("positions", &request.positions, MOST_STREAMS)?;
    for position in &request.positions {
        may_read(service, context, position).await?;
    }
    let wanted = request
        .positions
        .iter()
        .map(|position| {
            let stream = position.stream.as_ref().ok_or_else(|| Error::invalid("stream", "is required"))?;
            Ok((stream_key(stream)?, stored("offset", position.offset)?))
        })
        .collect::<Result<Vec<_>>>()?;

    let (store, app) = (service.store.read(), context.caller.app);
    let heads = heads::find(store, app, wanted.iter().map(|(key, _)| *key).collect()).await?;
    let top = |key: i64| heads.get(&key).map_or(0, |head| head.last_offset);
    let share = (MOST_TOGETHER / wanted.len().max(1) as u32).max(LEAST_EACH);
    let limit = request.limit.min(MOST_ENTRIES).min(share);
    let behind: Vec<(i64, i64)> = request
        .positions
        .iter()
        .zip(&wanted)
        .filter(|(position, (key, offset))| {
            position.epoch == service.epoch && *offset < top(*key) && limit > 0
        })
        .map(|(_, pair)| *pair)
        .collect();
    let mut firsts: HashMap<i64, i64> = HashMap::new();
    let mut found: HashMap<i64, Vec<Event>> = HashMap::new();
    if !behind.is_empty() {
        let mut events = entries::after(store, app, behind.clone(), limit, &service.epoch).await?;
        bodies::join(service, app, &mut events).await?;
        for event in events {
            let Some(stream) = &event.stream else { continue };
            found.entry(stream_key(stream)?).or_default().push(event);
        }
        firsts = entries::first_offsets(store, behind.iter().map(|(key, _)| *key).collect())
            .await?
            .into_iter()
            .collect();
    }

    let results = request
        .positions
        .into_iter()
        .zip(wanted)
        .map(|(position, (key, offset))| {
            let first_offset = firsts.get(&key).copied().unwrap_or(top(key) + 1).max(1);
            let events = found.remove(&key).unwrap_or_default();
            // Only what follows the asked position without a hole is of use.
            let events = match events.first() {
                Some(first) if first.offset == offset as u64 + 1 => events,
                _ => Vec::new(),
            };
            Read {
                stream: position.stream,
                epoch: service.epoch.clone(),
                top_offset: top(key) as u64,
                first_offset: first_offset as u64,
                events,
            }
        })
        .collect();
    Ok(ReadStreamsResponse { results })
}

/// Services may read everything of the app; a user what he may see.
pub(super) async fn may_read(service: &Service, context: &Context, position: &StreamPosition) -> Result<()> {
    let stream = position.stream.as_ref().ok_or_else(|| Error::invalid("stream", "is required"))?;
    let Some(user) = context.caller.user_num() else {
        return context.caller.require_server();
    };
    match stream.kind() {
        Kind::Chat => readable(service, context, stream.num).await.map(|_| ()),
        Kind::User if stream.num == user => Ok(()),
        _ => Err(Error::new(Reason::NotAllowed, "this stream is somebody else's")),
    }
}
