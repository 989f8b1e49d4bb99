use std::collections::BTreeSet;

use parlance_core::{Num, Result};
use parlance_proto::auth::{FindUsersByHandleRequest, GetUsersRequest};
use parlance_proto::channel::resolve_mentions_response::Match;
use parlance_proto::channel::{ResolveMentionsRequest, ResolveMentionsResponse};
use parlance_rpc::Context;

use crate::domain::limits;
use crate::state::State;
use crate::store::members;

const MAX_HANDLES: usize = 100;
/// Users that a hundred handles may mean, namesakes included.
const MAX_CANDIDATES: usize = 5000;

/// Asks auth who may be meant, then keeps the members among them, in one statement.
pub async fn resolve_mentions(
    state: &State,
    context: &Context,
    request: ResolveMentionsRequest,
) -> Result<ResolveMentionsResponse> {
    context.caller.require_service()?;
    limits::batch("handles", request.handles.len(), MAX_HANDLES)?;
    limits::batch("user_ids", request.user_ids.len(), limits::MAX_BATCH)?;
    let (mut matches, mut named) = tokio::try_join!(
        by_handle(state, context, request.handles),
        by_id(state, context, request.user_ids)
    )?;
    let candidates: BTreeSet<Num> = named
        .iter()
        .copied()
        .chain(matches.iter().map(|found| found.user_num))
        .take(MAX_CANDIDATES)
        .collect();
    let members =
        members::present(state.store.read(), context.caller.app, request.channel_num, &candidates).await?;
    matches.retain(|found| members.contains(&found.user_num));
    named.retain(|num| members.contains(num));
    Ok(ResolveMentionsResponse { matches, named_nums: named })
}

async fn by_handle(state: &State, context: &Context, handles: Vec<String>) -> Result<Vec<Match>> {
    if handles.is_empty() {
        return Ok(Vec::new());
    }
    let request = context.as_service().request(FindUsersByHandleRequest { handles });
    let reply = state.auth().find_users_by_handle(request).await?.into_inner();
    let matches = reply.matches.into_iter();
    Ok(matches.map(|found| Match { handle: found.handle, user_num: found.user_num }).collect())
}

async fn by_id(state: &State, context: &Context, ids: Vec<String>) -> Result<Vec<Num>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let request = context.as_service().request(GetUsersRequest { nums: Vec::new(), ids });
    let reply = state.auth().get_users(request).await?.into_inner();
    Ok(reply.users.into_iter().filter(|user| user.deleted_at.is_none()).map(|user| user.num).collect())
}
