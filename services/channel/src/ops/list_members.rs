use parlance_core::{Reason, Result};
use parlance_proto::channel::{ListMembersRequest, ListMembersResponse};
use parlance_rpc::Context;

use super::{is_open, refusal};
use crate::convert;
use crate::domain::limits;
use crate::state::{State, channel_not_found};
use crate::store::{channels, members};

const USUAL_PAGE: u32 = 100;
const MAX_PAGE: u32 = 1000;

/// A page of members, to those who may read the channel.
pub async fn list_members(
    state: &State,
    context: &Context,
    request: ListMembersRequest,
) -> Result<ListMembersResponse> {
    let app = context.caller.app;
    let num = request.channel_num;
    let channel = channels::find(state.store.read(), app, num).await?.ok_or_else(channel_not_found)?;
    match context.caller.user_num() {
        None => context.caller.require_server()?,
        Some(user) => {
            let own = members::find(state.store.read(), app, num, user).await?;
            if own.is_none() && !is_open(state.store.read(), &channel, user).await? {
                return Err(refusal(Reason::NotAMember));
            }
        }
    }
    let limit = limits::page(request.limit, USUAL_PAGE, MAX_PAGE);
    let rows = members::list(&state.store, app, num, limit, u64::from(request.offset)).await?;
    let now = state.now();
    Ok(ListMembersResponse {
        members: rows.iter().map(|row| convert::member(row, now)).collect(),
        member_count: channel.member_count,
    })
}
