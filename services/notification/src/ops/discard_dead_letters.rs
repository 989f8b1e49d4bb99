use parlance_core::Result;
use parlance_proto::notification::{DiscardDeadLettersRequest, DiscardDeadLettersResponse};
use parlance_rpc::Context;
use parlance_sql::retrying;

use super::delivery_ids;
use crate::service::Service;
use crate::store::deliveries::{self, Which};

/// Forgets dead letters: these, or all that there are.
pub async fn discard_dead_letters(
    service: &Service,
    context: &Context,
    request: DiscardDeadLettersRequest,
) -> Result<DiscardDeadLettersResponse> {
    context.caller.require_server()?;
    let ids = delivery_ids(&request.ids)?;
    if ids.is_empty() && !request.ids.is_empty() {
        return Ok(DiscardDeadLettersResponse::default());
    }
    let which = if ids.is_empty() { Which::Until(service.now()) } else { Which::These(&ids) };
    let mut discarded = 0;
    loop {
        let step = retrying(|| async {
            let write = service.store.begin().await?;
            let step = deliveries::discard(write.connection(), context.caller.app, which).await?;
            drop(write.commit().await?);
            Ok(step)
        });
        let step = step.await?;
        discarded += step as u32;
        if step == 0 || matches!(which, Which::These(_)) {
            return Ok(DiscardDeadLettersResponse { discarded });
        }
    }
}
