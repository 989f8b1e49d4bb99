//! Erases users.

use parlance_core::Result;
use parlance_proto::auth::{DeleteUsersRequest, DeleteUsersResponse};
use parlance_rpc::Context;
use parlance_sql::outbox;

use crate::domain::input;
use crate::store::{sessions, users};
use crate::{Auth, facts};

/// Personal data and sessions go at once, in the transaction that states the fact; num and times stay
/// for old messages. The id is free for a new user. Unknown ids are left out.
pub async fn run(auth: &Auth, context: &Context, request: DeleteUsersRequest) -> Result<DeleteUsersResponse> {
    context.caller.require_server()?;
    input::count("ids", request.ids.len(), 1..=100)?;
    let app = context.caller.app;
    // What cannot be an id is nobody's id.
    let mut ids: Vec<&str> =
        request.ids.iter().map(String::as_str).filter(|id| input::user_id(id).is_ok()).collect();
    let now = auth.clock.now();

    let write = auth.store.begin().await?;
    let found = users::lock_live(&write, app, &ids).await?;
    if found.is_empty() {
        return Ok(DeleteUsersResponse::default());
    }
    let nums: Vec<_> = found.values().map(|user| user.num).collect();
    users::erase(&write, app, &nums, now).await?;
    sessions::revoke_all_of(&write, app, &nums, now).await?;
    let facts: Vec<_> = nums.iter().map(|&num| facts::user_deleted(context, app, num, now)).collect();
    let log_position = outbox::append(&write, facts.clone(), now).await?;
    let committed = write.commit().await?;
    facts::publish(auth, committed, facts).await;

    // In the order of the request, each once.
    let mut left = found;
    ids.retain(|id| left.remove(*id).is_some());
    Ok(DeleteUsersResponse { deleted_ids: ids.into_iter().map(str::to_owned).collect(), log_position })
}
