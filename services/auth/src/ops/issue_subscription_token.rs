//! A token for one realtime channel.

use parlance_core::{Error, Reason, Result};
use parlance_proto::auth::{IssueSubscriptionTokenRequest, IssueSubscriptionTokenResponse};
use parlance_rpc::Context;

use crate::domain::claims::{self, Subject};
use crate::domain::input;
use crate::store::users;
use crate::{Auth, apps};

/// For the calling user. Whether he may see the channel is for the caller to have asked.
pub async fn run(
    auth: &Auth,
    context: &Context,
    request: IssueSubscriptionTokenRequest,
) -> Result<IssueSubscriptionTokenResponse> {
    let (app, num) = (context.caller.app, context.caller.require_user()?);
    input::channel(&request.channel)?;
    let ttl_s = input::ttl(request.ttl_s)?;
    let keys = apps::keys(auth, app).await?;
    let user = users::find(&auth.store, app, num)
        .await?
        .filter(|user| user.deleted_at.is_none() && user.deactivated_at.is_none())
        .ok_or_else(|| Error::new(Reason::UserNotFound, "there is no such user"))?;
    let of = Subject { app, user_id: &user.id };
    let token = claims::sign_subscription(&keys, &of, &request.channel, auth.clock.now(), ttl_s)?;
    Ok(IssueSubscriptionTokenResponse { token, expires_in_s: ttl_s })
}
