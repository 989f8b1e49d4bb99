//! The service's own log.

use parlance_core::Result;
use parlance_proto::event::{ReadLogRequest, ReadLogResponse};
use parlance_rpc::Context;
use parlance_sql::outbox;

use crate::Auth;

/// Entries after a position, oldest first.
pub async fn run(auth: &Auth, context: &Context, request: ReadLogRequest) -> Result<ReadLogResponse> {
    context.caller.require_service()?;
    outbox::read(&auth.store, request.after_position, request.limit).await
}
