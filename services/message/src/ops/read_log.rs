use std::collections::HashMap;

use parlance_core::{Error, Result};
use parlance_proto::event::{Event, LogEntry, ReadLogRequest, ReadLogResponse};
use parlance_rpc::Context;
use prost::Message as _;
use uuid::Uuid;

use crate::bodies;
use crate::service::Service;
use crate::store::log;

const USUAL: u32 = 500;
const MOST: u32 = 1000;
/// A page is not longer than this, however large its messages are; a quarter of what a call may carry. At least one
/// entry is in it.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Entries of all streams after a position, in commit order, with bodies as they are now.
pub async fn read_log(
    service: &Service,
    context: &Context,
    request: ReadLogRequest,
) -> Result<ReadLogResponse> {
    context.caller.require_service()?;
    // A position past all others asks for the newest.
    let after = i64::try_from(request.after_position).unwrap_or(i64::MAX);
    let limit = if request.limit == 0 { USUAL } else { request.limit.min(MOST) };
    let top = service.frontier.reach(&service.store, after).await?;
    if after >= top {
        return Ok(ReadLogResponse { entries: Vec::new(), top_position: top as u64 });
    }
    let mut entries = log::between(service.store.read(), after, top, limit, &service.epoch).await?;
    let mut by_app: HashMap<Uuid, Vec<(usize, Event)>> = HashMap::new();
    for (place, entry) in entries.iter_mut().enumerate() {
        let Some(event) = entry.event.take() else { continue };
        let app = Uuid::try_parse(&event.app_id).map_err(Error::internal)?;
        by_app.entry(app).or_default().push((place, event));
    }
    for (app, events) in by_app {
        let (places, mut events): (Vec<usize>, Vec<Event>) = events.into_iter().unzip();
        bodies::join(service, app, &mut events).await?;
        for (place, event) in places.into_iter().zip(events) {
            entries[place].event = Some(event);
        }
    }
    let mut bytes = 0;
    let mut fits = |entry: &LogEntry| {
        bytes += entry.encoded_len();
        bytes <= MOST_BYTES
    };
    let count = entries.iter().take_while(|entry| fits(entry)).count();
    entries.truncate(count.max(1));
    Ok(ReadLogResponse { entries, top_position: top as u64 })
}
