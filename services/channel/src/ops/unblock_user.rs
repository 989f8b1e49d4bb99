use parlance_core::Result;
use parlance_proto::channel::{UnblockUserRequest, UnblockUserResponse};
use parlance_rpc::Context;

use crate::state::State;
use crate::store::blocks;

/// Takes a block back. Refusals are remembered nowhere, so that it holds at once.
pub async fn unblock_user(
    state: &State,
    context: &Context,
    request: UnblockUserRequest,
) -> Result<UnblockUserResponse> {
    let user = context.caller.require_user()?;
    let write = state.store.begin().await?;
    let unblocked = blocks::remove(&write, context.caller.app, user, request.user_num).await?;
    drop(write.commit().await?);
    Ok(UnblockUserResponse { unblocked, log_position: state.top().await? })
}
