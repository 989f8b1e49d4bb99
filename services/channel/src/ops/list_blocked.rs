use parlance_core::{Micros, Result};
use parlance_proto::channel::list_blocked_response::Block;
use parlance_proto::channel::{ListBlockedRequest, ListBlockedResponse};
use parlance_rpc::Context;

use crate::domain::limits;
use crate::state::State;
use crate::store::blocks;

const USUAL_PAGE: u32 = 100;
const MAX_PAGE: u32 = 1000;

/// A page of those whom the caller has blocked, newest block first.
pub async fn list_blocked(
    state: &State,
    context: &Context,
    request: ListBlockedRequest,
) -> Result<ListBlockedResponse> {
    let user = context.caller.require_user()?;
    let limit = limits::page(request.limit, USUAL_PAGE, MAX_PAGE);
    let offset = u64::from(request.offset);
    let rows = blocks::list(state.store.read(), context.caller.app, user, limit, offset).await?;
    let block = |row: crate::store::block::Model| Block {
        user_num: row.blocked_num,
        created_at: Some(Micros(row.created_at).timestamp()),
    };
    Ok(ListBlockedResponse { blocks: rows.into_iter().map(block).collect() })
}
