//! Users by num and by id.

use parlance_core::Result;
use parlance_proto::auth::{GetUsersRequest, GetUsersResponse};
use parlance_rpc::Context;

use super::visible;
use crate::Auth;
use crate::domain::input;
use crate::store::users;

/// Ordered by num, each once; unknown ones are left out. One statement.
pub async fn run(auth: &Auth, context: &Context, request: GetUsersRequest) -> Result<GetUsersResponse> {
    visible::require_somebody(&context.caller)?;
    input::count("nums and ids", request.nums.len() + request.ids.len(), 0..=1000)?;
    // What cannot be an id is nobody's id.
    let ids: Vec<&str> =
        request.ids.iter().map(String::as_str).filter(|id| input::user_id(id).is_ok()).collect();
    if request.nums.is_empty() && ids.is_empty() {
        return Ok(GetUsersResponse::default());
    }
    let found = users::find_many(&auth.store, context.caller.app, &request.nums, &ids).await?;
    Ok(GetUsersResponse { users: found.into_iter().map(|row| visible::to(&context.caller, row)).collect() })
}
