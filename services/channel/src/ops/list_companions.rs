use parlance_core::Result;
use parlance_proto::channel::{ListCompanionsRequest, ListCompanionsResponse};
use parlance_rpc::Context;

use crate::domain::limits;
use crate::state::State;
use crate::store::members;

/// Most companions that are told.
const MOST: i64 = 5000;

/// Others who share a channel of at most `max_members` with the user, of those asked about; at most 5000.
pub async fn list_companions(
    state: &State,
    context: &Context,
    request: ListCompanionsRequest,
) -> Result<ListCompanionsResponse> {
    context.caller.require_service()?;
    limits::batch("among_nums", request.among_nums.len(), limits::MAX_BATCH)?;
    let max_members = i32::try_from(request.max_members).unwrap_or(i32::MAX);
    let (app, user, among) = (context.caller.app, request.user_num, &request.among_nums);
    let user_nums = members::companions(&state.store, app, user, max_members, among, MOST).await?;
    Ok(ListCompanionsResponse { user_nums })
}
