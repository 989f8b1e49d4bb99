use std::time::Duration;

use parlance_core::Result;
use parlance_proto::notification::{ReplayDeadLettersRequest, ReplayDeadLettersResponse};
use parlance_rpc::Context;
use parlance_sql::retrying;

use super::delivery_ids;
use crate::service::Service;
use crate::store::deliveries::{self, Which};

/// Queues dead letters again: these, or all that there are. They keep their ids, so that a push service
/// that has taken one before can tell.
pub async fn replay_dead_letters(
    service: &Service,
    context: &Context,
    request: ReplayDeadLettersRequest,
) -> Result<ReplayDeadLettersResponse> {
    context.caller.require_server()?;
    let (app, now) = (context.caller.app, service.now());
    let ids = delivery_ids(&request.ids)?;
    if ids.is_empty() && !request.ids.is_empty() {
        return Ok(ReplayDeadLettersResponse::default());
    }
    let which = if ids.is_empty() { Which::Until(now) } else { Which::These(&ids) };
    let expires_at = now + Duration::from_secs(service.settings.expire_s);
    let mut replayed = 0;
    loop {
        let step = retrying(|| async {
            let write = service.store.begin().await?;
            let step = deliveries::replay(write.connection(), app, which, now, expires_at).await?;
            drop(write.commit().await?);
            Ok(step)
        });
        let step = step.await?;
        replayed += step as u32;
        if step == 0 || matches!(which, Which::These(_)) {
            break;
        }
    }
    service.sender.notify_one();
    Ok(ReplayDeadLettersResponse { replayed })
}
