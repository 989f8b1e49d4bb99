use std::collections::BTreeSet;

use parlance_core::{Error, Num, Reason, Result};
use parlance_proto::channel::{BlockUserRequest, BlockUserResponse};
use parlance_rpc::Context;
use parlance_sql::Write;
use uuid::Uuid;

use super::require_users;
use crate::convert;
use crate::facts::Facts;
use crate::state::State;
use crate::store::{blocks, channels};

/// Blocks a user. What may be written in the pair's direct channel is asked anew from then on.
pub async fn block_user(
    state: &State,
    context: &Context,
    request: BlockUserRequest,
) -> Result<BlockUserResponse> {
    let user = context.caller.require_user()?;
    let (app, other) = (context.caller.app, request.user_num);
    if other == user {
        return Err(Error::invalid("user_num", "must not be your own"));
    }
    if other <= 0 {
        return Err(Error::new(Reason::UserNotFound, "no such user"));
    }
    require_users(state, context, &BTreeSet::from([other])).await?;

    let now = state.now();
    let write = state.store.begin().await?;
    if !blocks::add(&write, app, user, other, now).await? {
        write.rollback().await?;
        return Ok(BlockUserResponse { blocked: false, log_position: state.top().await? });
    }
    let mut facts = Facts::new(context, now);
    let raised = raise_direct(&write, app, user, other, &mut facts).await?;
    let log_position = state.commit(write, facts.into_events()).await?;
    if raised {
        return Ok(BlockUserResponse { blocked: true, log_position });
    }
    // A direct channel that was being made meanwhile could not see the block, nor be seen by it.
    let write = state.store.begin().await?;
    let mut facts = Facts::new(context, now);
    if !raise_direct(&write, app, user, other, &mut facts).await? {
        write.rollback().await?;
        return Ok(BlockUserResponse { blocked: true, log_position });
    }
    let log_position = state.commit(write, facts.into_events()).await?;
    Ok(BlockUserResponse { blocked: true, log_position })
}

/// Raises the policy version of the pair's direct channel; says whether there is one.
async fn raise_direct(write: &Write, app: Uuid, one: Num, other: Num, facts: &mut Facts<'_>) -> Result<bool> {
    let key = convert::pair_key(one, other);
    let Some(found) = channels::find_direct(write.connection(), app, &key).await? else { return Ok(false) };
    let Some(mut channel) = channels::lock(write, app, found.num).await? else { return Ok(false) };
    channel.policy_version += 1;
    channels::save(write, &channel).await?;
    facts.policy_raised(&channel);
    Ok(true)
}
