use parlance_core::{Error, Reason, Result};
use parlance_proto::notification::{ListDeadLettersRequest, ListDeadLettersResponse};
use parlance_rpc::Context;
use uuid::Uuid;

use crate::convert;
use crate::service::Service;
use crate::store::deliveries;

const USUAL_PAGE: u32 = 100;
const MAX_PAGE: u32 = 500;

/// A page of what was given up, newest first.
pub async fn list_dead_letters(
    service: &Service,
    context: &Context,
    request: ListDeadLettersRequest,
) -> Result<ListDeadLettersResponse> {
    context.caller.require_server()?;
    let app = context.caller.app;
    let limit = if request.limit == 0 { USUAL_PAGE } else { request.limit.min(MAX_PAGE) };
    let unknown = || Error::new(Reason::CursorUnknown, "after names no dead letter");
    let after = match request.after.as_str() {
        "" => None,
        text => {
            let id = Uuid::try_parse(text).map_err(|_| unknown())?;
            let row = deliveries::find_dead(service.store.read(), app, id).await?.ok_or_else(unknown)?;
            Some((row.died_at.unwrap_or_default(), row.id))
        }
    };
    let mut rows = deliveries::dead(service.store.read(), app, after, limit + 1).await?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    Ok(ListDeadLettersResponse { letters: rows.iter().map(convert::dead_letter).collect(), has_more })
}
