use parlance_core::Result;
use parlance_proto::presence::{ReportActivityRequest, ReportActivityResponse};
use parlance_rpc::Context;

use crate::presence::Presence;
use crate::store::{Sign, User};

/// The caller did something.
pub(crate) async fn report_activity(
    presence: &Presence,
    context: &Context,
    _: ReportActivityRequest,
) -> Result<ReportActivityResponse> {
    let user = User { app: context.caller.app, num: context.caller.require_user()? };
    let news = presence.store.record(user, Sign::Active, presence.now()).await?;
    presence.announcer.announce(news);
    Ok(ReportActivityResponse {})
}
