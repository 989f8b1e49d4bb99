//! Records when users were last active.

use std::collections::BTreeMap;

use parlance_core::{Error, Micros, Num, Result};
use parlance_proto::auth::{RecordActivityRequest, RecordActivityResponse};
use parlance_rpc::Context;

use crate::Auth;
use crate::domain::input;
use crate::store::users;

/// One statement a batch, not waiting for the disk. Times only rise, by a minute or more, and are
/// never in the future; unknown users are left out.
pub async fn run(
    auth: &Auth,
    context: &Context,
    request: RecordActivityRequest,
) -> Result<RecordActivityResponse> {
    context.caller.require_service()?;
    input::count("activities", request.activities.len(), 0..=1000)?;
    let now = auth.clock.now();
    let mut newest: BTreeMap<Num, Micros> = BTreeMap::new();
    for activity in &request.activities {
        let at = activity
            .at
            .as_ref()
            .and_then(Micros::from_timestamp)
            .ok_or_else(|| Error::invalid("activities.at", "must be a time"))?;
        let seen = newest.entry(activity.user_num).or_insert(at);
        *seen = at.min(now).max((*seen).min(now));
    }
    if newest.is_empty() {
        return Ok(RecordActivityResponse {});
    }
    let write = auth.store.begin_relaxed().await?;
    users::raise_activity(&write, context.caller.app, &newest).await?;
    let _committed = write.commit().await?;
    Ok(RecordActivityResponse {})
}
