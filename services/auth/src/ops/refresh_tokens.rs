//! Exchanges a refresh token for new tokens.

use parlance_core::{Error, Reason, Result};
use parlance_proto::auth::{IssueTokensResponse, RefreshTokensRequest};
use parlance_rpc::Context;
use parlance_sql::{Write, outbox};

use crate::domain::refresh::{self, Secret, Standing};
use crate::domain::{claims, input};
use crate::ops::issue_tokens::{answer, purge_at};
use crate::store::{sessions, users};
use crate::{Auth, apps, facts};

/// The newest token rotates; one that was used in the last 30 s leads to the same newest token, so
/// tabs may refresh in parallel; an older one revokes the session.
pub async fn run(
    auth: &Auth,
    context: &Context,
    request: RefreshTokensRequest,
) -> Result<IssueTokensResponse> {
    context.caller.require_service()?;
    let ttl_s = input::ttl(request.ttl_s)?;
    let (id, presented) = refresh::parse(&request.refresh_token).ok_or_else(claims::invalid)?;
    let now = auth.clock.now();

    let write = auth.store.begin().await?;
    let session = sessions::lock(&write, id).await?.ok_or_else(claims::invalid)?;
    if session.revoked_at.is_some() {
        return Err(revoked());
    }
    let rotations = session.rotation_times();
    let newest = match auth.refresh.standing(&presented, &session.refresh_hash, &rotations, now) {
        Standing::Unknown => return Err(claims::invalid()),
        Standing::Replayed => return revoke(auth, context, write, &session).await,
        Standing::Current | Standing::JustUsed { .. } if now.0 >= session.expires_at => {
            return Err(Error::new(Reason::TokenExpired, "the refresh token has expired"));
        }
        Standing::JustUsed { newest } => {
            sessions::keep_until(&write, id, purge_at(now, ttl_s)).await?;
            newest
        }
        Standing::Current => {
            let next = auth.refresh.next(&presented);
            rotate(&write, &session, &next, rotations, now, ttl_s).await?;
            next
        }
    };
    let user = users::find_in(&write, session.app, session.user_num)
        .await?
        .filter(|user| user.deleted_at.is_none() && user.deactivated_at.is_none())
        .ok_or_else(revoked)?;
    let _committed = write.commit().await?;

    let keys = apps::keys(auth, session.app).await?;
    answer(&keys, user, id, &newest, now, ttl_s)
}

async fn rotate(
    write: &Write,
    session: &sessions::Model,
    next: &Secret,
    mut rotations: Vec<i64>,
    now: parlance_core::Micros,
    ttl_s: u32,
) -> Result<()> {
    rotations.insert(0, now.0);
    rotations.truncate(refresh::KEPT_ROTATIONS);
    let purge_at = purge_at(now, ttl_s).max(parlance_core::Micros(session.purge_at));
    sessions::rotate(write, session.id, next.hash(), &rotations, now + refresh::LIFE, purge_at).await
}

/// Somebody holds a token that was used long ago: neither holder can be told from a thief.
async fn revoke(
    auth: &Auth,
    context: &Context,
    write: Write,
    session: &sessions::Model,
) -> Result<IssueTokensResponse> {
    let now = auth.clock.now();
    sessions::revoke(&write, session.id, now).await?;
    let fact = facts::session_revoked(context, session.app, session.user_num, session.id, now);
    outbox::append(&write, vec![fact.clone()], now).await?;
    let committed = write.commit().await?;
    facts::publish(auth, committed, vec![fact]).await;
    tracing::warn!(user_num = session.user_num, "a refresh token was replayed; its session is revoked");
    Err(revoked())
}

fn revoked() -> Error {
    Error::new(Reason::TokenRevoked, "the session was revoked")
}
