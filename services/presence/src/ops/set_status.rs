use parlance_core::Result;
use parlance_proto::presence::{SetStatusRequest, SetStatusResponse};
use parlance_rpc::Context;

use crate::presence::Presence;
use crate::store::{Sign, User};

/// The caller declares himself online (which is activity like any other) or offline.
pub(crate) async fn set_status(
    presence: &Presence,
    context: &Context,
    request: SetStatusRequest,
) -> Result<SetStatusResponse> {
    let user = User { app: context.caller.app, num: context.caller.require_user()? };
    let sign = if request.online { Sign::Active } else { Sign::Offline };
    let news = presence.store.record(user, sign, presence.now()).await?;
    presence.announcer.announce(news);
    Ok(SetStatusResponse {})
}
