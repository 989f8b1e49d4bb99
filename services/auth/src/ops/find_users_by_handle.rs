//! Users that a mention may mean.

use std::collections::HashMap;

use parlance_core::Result;
use parlance_proto::auth::find_users_by_handle_response::Match;
use parlance_proto::auth::{FindUsersByHandleRequest, FindUsersByHandleResponse};
use parlance_rpc::Context;

use super::visible::require_somebody;
use crate::Auth;
use crate::domain::fold::fold;
use crate::domain::input::{self, MAX_NAME_CHARS};
use crate::store::users;

/// Every pair of a handle and a live user whose id, shown name or name without spaces it is.
pub async fn run(
    auth: &Auth,
    context: &Context,
    request: FindUsersByHandleRequest,
) -> Result<FindUsersByHandleResponse> {
    require_somebody(&context.caller)?;
    input::count("handles", request.handles.len(), 0..=100)?;
    let mut handles: HashMap<String, Vec<&str>> = HashMap::new();
    for handle in &request.handles {
        let possible = !handle.is_empty()
            && handle.chars().count() <= MAX_NAME_CHARS
            && !handle.chars().any(char::is_control);
        if possible {
            let spellings = handles.entry(fold(handle)).or_default();
            if !spellings.contains(&handle.as_str()) {
                spellings.push(handle);
            }
        }
    }
    if handles.is_empty() {
        return Ok(FindUsersByHandleResponse::default());
    }
    let folded: Vec<String> = handles.keys().cloned().collect();
    let found = users::find_by_handles(&auth.store, context.caller.app, &folded).await?;

    let mut matches = Vec::new();
    for user in &found {
        let mut keys = vec![&user.id_key, &user.name_key, &user.name_compact];
        keys.sort_unstable();
        keys.dedup();
        for handle in keys.into_iter().filter_map(|key| handles.get(key)).flatten() {
            matches.push(Match { handle: (*handle).to_owned(), user_num: user.num });
        }
    }
    Ok(FindUsersByHandleResponse { matches })
}
