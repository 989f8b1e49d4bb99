//! Says whose token it is, if it counts.

use parlance_core::{Error, Micros, Reason, Result};
use parlance_proto::auth::{VerifyTokenRequest, VerifyTokenResponse};
use parlance_rpc::Context;
use uuid::Uuid;

use crate::domain::claims::{self, Claims};
use crate::store::users;
use crate::{Auth, apps, convert};

/// At most one statement once the app's keys are in memory. Caching the answer is up to the caller,
/// who hears of revocations on the accounts topic.
pub async fn run(auth: &Auth, context: &Context, request: VerifyTokenRequest) -> Result<VerifyTokenResponse> {
    context.caller.require_service()?;
    let kind = convert::token_kind(request.kind())?;
    let app = claims::app_of(&request.token)?;
    let keys = apps::keys(auth, app).await.map_err(|error| match error.reason {
        Reason::AppNotFound => claims::invalid(),
        _ => error,
    })?;
    let now = auth.clock.now();
    let claims = match claims::verify(kind, &keys, app, &request.token, now) {
        // Its secret may be newer than the keys that we remember.
        Err(refusal) if refusal.reason == Reason::TokenInvalid => match apps::newer_keys(auth, app).await? {
            Some(keys) => claims::verify(kind, &keys, app, &request.token, now)?,
            None => return Err(refusal),
        },
        outcome => outcome?,
    };
    let user_num = user_of(auth, app, &claims).await?;
    Ok(VerifyTokenResponse {
        app_id: app.to_string(),
        user_num,
        user_id: claims.user_id,
        session_id: claims.session.map(|id| id.to_string()).unwrap_or_default(),
        expires_at: Some(Micros::from_secs(claims.expires_at).timestamp()),
        issued_at: claims.issued_at.map(|at| Micros::from_secs(at).timestamp()),
        channel: claims.channel,
    })
}

/// The user, if neither he nor the session was ended since the token was signed.
async fn user_of(auth: &Auth, app: Uuid, claims: &Claims) -> Result<i64> {
    let (num, ended, valid_after) = match claims.session {
        // The session knows its user even after the user's id was erased or given to somebody else.
        Some(session) => {
            let standing = auth.standings.of(app, session).await?.ok_or_else(revoked)?;
            let ended = standing.revoked_at.or(standing.deleted_at).or(standing.deactivated_at).is_some();
            if !ended && standing.user_id != claims.user_id {
                return Err(claims::invalid());
            }
            (standing.num, ended, standing.tokens_valid_after)
        }
        None => {
            let user =
                users::find_live_one(&auth.store, app, &claims.user_id).await?.ok_or_else(claims::invalid)?;
            (user.num, user.deactivated_at.is_some(), user.tokens_valid_after)
        }
    };
    // Tokens tell their time in whole seconds; one without a time cannot show that it is new enough.
    let too_old = valid_after.is_some_and(|after| claims.issued_at.unwrap_or(0) < Micros(after).secs());
    if ended || too_old { Err(revoked()) } else { Ok(num) }
}

fn revoked() -> Error {
    Error::new(Reason::TokenRevoked, "the token was revoked")
}
