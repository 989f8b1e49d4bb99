//! The live users of an app, page by page.

use parlance_core::{Error, Result};
use parlance_proto::auth::{ListUsersRequest, ListUsersResponse};
use parlance_rpc::Context;

use super::visible;
use crate::Auth;
use crate::domain::input::MAX_NAME_CHARS;
use crate::store::users;

const USUAL_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 100;

/// By name (by id, where there is none), then id, ignoring case. Larger limits are cut to 100.
pub async fn run(auth: &Auth, context: &Context, request: ListUsersRequest) -> Result<ListUsersResponse> {
    visible::require_somebody(&context.caller)?;
    let part = &request.name_contains;
    if part.chars().count() > MAX_NAME_CHARS {
        return Err(Error::invalid("name_contains", "is longer than any name"));
    }
    // No name has a control character.
    if part.chars().any(char::is_control) {
        return Ok(ListUsersResponse::default());
    }
    let limit = if request.limit == 0 { USUAL_LIMIT } else { request.limit.min(MAX_LIMIT) };
    let found =
        users::list(&auth.store, context.caller.app, part, limit.into(), request.offset.into()).await?;
    Ok(ListUsersResponse { users: found.into_iter().map(|row| visible::to(&context.caller, row)).collect() })
}
