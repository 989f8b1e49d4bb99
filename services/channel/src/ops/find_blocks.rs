use parlance_core::{Num, Result};
use parlance_proto::channel::{FindBlocksRequest, FindBlocksResponse};
use parlance_rpc::Context;

use crate::domain::limits;
use crate::state::State;
use crate::store::blocks;

/// Many pairs in one statement.
pub async fn find_blocks(
    state: &State,
    context: &Context,
    request: FindBlocksRequest,
) -> Result<FindBlocksResponse> {
    context.caller.require_service()?;
    limits::batch("pairs", request.pairs.len(), limits::MAX_BATCH)?;
    let pairs: Vec<(Num, Num)> = request.pairs.iter().map(|pair| (pair.user_num, pair.other_num)).collect();
    let found = blocks::among(state.store.read(), context.caller.app, &pairs).await?;
    Ok(FindBlocksResponse { blocked: pairs.iter().map(|pair| found.contains(pair)).collect() })
}
