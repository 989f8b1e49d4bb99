use parlance_core::{Micros, Result};
use parlance_proto::notification::{GetQueueRequest, GetQueueResponse};
use parlance_rpc::Context;

use crate::service::Service;
use crate::store::deliveries::{self, DEAD, WAITING};

/// How much waits, and how much was given up.
pub async fn get_queue(service: &Service, context: &Context, _: GetQueueRequest) -> Result<GetQueueResponse> {
    context.caller.require_server()?;
    let app = context.caller.app;
    let waiting = deliveries::depth_of_app(service.store.read(), app, WAITING).await?;
    let dead = deliveries::depth_of_app(service.store.read(), app, DEAD).await?;
    Ok(GetQueueResponse {
        waiting: waiting.count.max(0) as u64,
        dead: dead.count.max(0) as u64,
        oldest_at: waiting.oldest_at.map(|at| Micros(at).timestamp()),
    })
}
