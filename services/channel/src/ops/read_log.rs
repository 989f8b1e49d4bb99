use parlance_core::Result;
use parlance_proto::event::{ReadLogRequest, ReadLogResponse};
use parlance_rpc::Context;
use parlance_sql::outbox;

use crate::state::State;

/// A page of the service's own log, of all apps.
pub async fn read_log(state: &State, context: &Context, request: ReadLogRequest) -> Result<ReadLogResponse> {
    context.caller.require_service()?;
    outbox::read(&state.store, request.after_position, request.limit).await
}
