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
    let blocked = blocks::add(&write, app, user, other, now).await?;
    let mut facts = Facts::new(context, now);
    let raised = raise_direct(&write, app, user, other, &mut facts).await?;
    let mut log_position = state.commit(write, facts.into_events()).await?;
    if !raised {
        // A direct channel that was being made meanwhile could not see the block, nor be seen by it. A repeat comes
        // by here as well, since this may be what did not happen the first time.
        let write = state.store.begin().await?;
        let mut facts = Facts::new(context, now);
        if raise_direct(&write, app, user, other, &mut facts).await? {
            log_position = state.commit(write, facts.into_events()).await?;
        } else {
            write.rollback().await?;
        }
    }
    if log_position == 0 {
        log_position = state.top().await?;
    }
    Ok(BlockUserResponse { blocked, log_position })
}

/// Raises the policy version of the pair's direct channel; says whether there is one.
async fn raise_direct(write: &Write, app: Uuid, one: Num, other: Num, facts: &mut Facts<'_>) -> Result<bool> {
    let key = convert::pair_key(one, other);
    let Some(found) = channels::find_direct(write.connection(), app, &key).await? else { return Ok(false) };
    let Some(mut channel) = channels::lock(write, app, found.num).await? else { return Ok(false) };
    channel.policy_version += 1;
    channels::save(write, &channel).await?;
    facts.policy_raised(&channel, 0);
    Ok(true)
}
