use parlance_core::{Error, Result};
use parlance_proto::message::{AwaitFactsRequest, AwaitFactsResponse};
use parlance_rpc::Context;

use crate::service::Service;

/// Answers once facts of the channel service up to a position are in the streams.
pub async fn await_facts(
    service: &Service,
    context: &Context,
    request: AwaitFactsRequest,
) -> Result<AwaitFactsResponse> {
    context.caller.require_service()?;
    match request.service.as_str() {
        "channel" => service.facts.reach(request.log_position, context.deadline).await?,
        _ => return Err(Error::invalid("service", "must be channel")),
    }
    Ok(AwaitFactsResponse {})
}
