use parlance_core::Result;
use parlance_proto::channel::{ListChannelsRequest, ListChannelsResponse};
use parlance_rpc::Context;

use super::by_channel;
use crate::convert;
use crate::domain::limits;
use crate::state::State;
use crate::store::{channels, members};

const USUAL_PAGE: u32 = 50;
const MAX_PAGE: u32 = 100;

/// A page of what the caller has joined or may discover, in two statements whatever its size.
pub async fn list_channels(
    state: &State,
    context: &Context,
    request: ListChannelsRequest,
) -> Result<ListChannelsResponse> {
    let user = context.caller.require_user()?;
    let app = context.caller.app;
    let types = state.types(app).await?;
    if !request.r#type.is_empty() {
        types.named(&request.r#type)?;
    }
    let limit = limits::page(request.limit, USUAL_PAGE, MAX_PAGE);
    let offset = u64::from(request.offset);
    let rows = channels::list(&state.store, app, user, &request.r#type, limit, offset).await?;
    let nums: Vec<_> = rows.iter().map(|row| row.num).collect();
    let own = by_channel(members::of_user(&state.store, app, user, &nums).await?);
    let now = state.now();
    let channels = rows
        .iter()
        .map(|row| Ok(convert::channel_with(row, types.of(row)?, user, own.get(&row.num), now)))
        .collect::<Result<_>>()?;
    Ok(ListChannelsResponse { channels })
}
