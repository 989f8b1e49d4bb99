use parlance_core::{Error, Micros, Result};
use parlance_proto::presence::{ReportActivityRequest, ReportActivityResponse};
use parlance_rpc::Context;

use crate::presence::Presence;
use crate::store::{Sign, User};

/// The caller did something, now or a moment ago.
pub(crate) async fn report_activity(
    presence: &Presence,
    context: &Context,
    request: ReportActivityRequest,
) -> Result<ReportActivityResponse> {
    let user = User { app: context.caller.app, num: context.caller.require_user()? };
    let now = presence.now();
    let at = match &request.at {
        Some(at) => {
            Micros::from_timestamp(at).ok_or_else(|| Error::invalid("at", "is out of range"))?.min(now)
        }
        None => now,
    };
    let news = presence.store.record(user, Sign::Active, at).await?;
    presence.announcer.announce(news);
    Ok(ReportActivityResponse {})
}
