use parlance_core::Result;
use parlance_proto::channel::{ListCompanionsRequest, ListCompanionsResponse};
use parlance_rpc::Context;

use crate::state::State;
use crate::store::members;

/// Most companions that are told.
const MOST: i64 = 5000;

/// Others who share a channel of at most `max_members` with the user; at most 5000.
pub async fn list_companions(
    state: &State,
    context: &Context,
    request: ListCompanionsRequest,
) -> Result<ListCompanionsResponse> {
    context.caller.require_service()?;
    let max_members = i32::try_from(request.max_members).unwrap_or(i32::MAX);
    let user_nums =
        members::companions(&state.store, context.caller.app, request.user_num, max_members, MOST).await?;
    Ok(ListCompanionsResponse { user_nums })
}
