use parlance_core::{Error, Result};
use parlance_proto::channel::{AwaitFactsRequest, AwaitFactsResponse};
use parlance_rpc::Context;

use crate::state::State;

/// Answers once the facts of auth up to a position have had their effect on memberships.
pub async fn await_facts(
    state: &State,
    context: &Context,
    request: AwaitFactsRequest,
) -> Result<AwaitFactsResponse> {
    context.caller.require_service()?;
    match request.service.as_str() {
        "auth" => state.progress.reach(request.log_position, context.deadline).await?,
        _ => return Err(Error::invalid("service", "must be auth")),
    }
    Ok(AwaitFactsResponse { log_position: state.top().await? })
}
