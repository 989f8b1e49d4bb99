//! Opens a session for a user and issues its first tokens.

use std::time::Duration;

use parlance_core::{Error, Micros, Reason, Result};
use parlance_proto::auth::{IssueTokensRequest, IssueTokensResponse};
use parlance_rpc::Context;
use uuid::Uuid;

use crate::domain::claims::{self, Subject};
use crate::domain::keys::AppKeys;
use crate::domain::{input, refresh};
use crate::store::{sessions, users};
use crate::{Auth, apps, convert};

/// How long after its last token a session is still known.
const PURGE_MARGIN: Duration = Duration::from_secs(60 * 60);

/// USER_NOT_FOUND if the app has no such live user, NOT_ALLOWED if he is deactivated.
pub async fn run(auth: &Auth, context: &Context, request: IssueTokensRequest) -> Result<IssueTokensResponse> {
    context.caller.require_server()?;
    let ttl_s = input::ttl(request.ttl_s)?;
    let app = context.caller.app;
    let keys = apps::keys(auth, app).await?;
    let now = auth.clock.now();
    let session = Uuid::new_v4();
    let secret = refresh::Secret::generate()?;

    let write = auth.store.begin().await?;
    let user = users::lock(&write, app, request.user_num)
        .await?
        .filter(|user| user.deleted_at.is_none())
        .ok_or_else(|| Error::new(Reason::UserNotFound, "there is no such user"))?;
    if user.deactivated_at.is_some() {
        return Err(Error::new(Reason::NotAllowed, "the user is deactivated"));
    }
    sessions::insert(
        &write,
        sessions::Model {
            id: session,
            app,
            user_num: user.num,
            refresh_hash: secret.hash(),
            rotations: "[]".to_owned(),
            expires_at: (now + refresh::LIFE).0,
            purge_at: purge_at(now, ttl_s).0,
            created_at: now.0,
            revoked_at: None,
        },
    )
    .await?;
    let _committed = write.commit().await?;

    answer(&keys, user, session, &secret, now, ttl_s)
}

/// When nothing refers any more to a session whose newest tokens were issued now.
pub fn purge_at(now: Micros, ttl_s: u32) -> Micros {
    now + refresh::LIFE.max(Duration::from_secs(ttl_s.into())) + PURGE_MARGIN
}

/// New access and connection tokens of a session beside its newest refresh token.
pub fn answer(
    keys: &AppKeys,
    user: users::Model,
    session: Uuid,
    secret: &refresh::Secret,
    now: Micros,
    ttl_s: u32,
) -> Result<IssueTokensResponse> {
    let of = Subject { app: user.app, user_id: &user.id };
    Ok(IssueTokensResponse {
        access_token: claims::sign_access(keys, &of, session, now, ttl_s)?,
        connection_token: claims::sign_connection(keys, &of, session, now, ttl_s)?,
        refresh_token: refresh::format(session, secret),
        expires_in_s: ttl_s,
        user: Some(convert::user(user)),
    })
}
