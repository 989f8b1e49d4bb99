use parlance_core::{Error, Micros, Num, Reason, Result};
use parlance_proto::auth::GetUsersRequest;
use parlance_proto::channel::{AcceptInviteRequest, AcceptInviteResponse};
use parlance_rpc::Context;
use parlance_sql::Write;

use super::workspace::{enter, one_shown, require_lasting};
use crate::convert;
use crate::domain::{WorkspaceRole, invite as rules};
use crate::facts::Facts;
use crate::state::State;
use crate::store::{invite, invites, workspace, workspace_members, workspaces};

/// Makes the caller a member by an invite. Uses are counted under the workspace's and the invite's lock:
/// however many come at once, no more than it says get in. Who is a member already uses up nothing.
pub async fn accept_invite(
    state: &State,
    context: &Context,
    request: AcceptInviteRequest,
) -> Result<AcceptInviteResponse> {
    let user = context.caller.require_user()?;
    let app = context.caller.app;
    let hash = rules::hash(&request.token);
    let known = invites::find(state.store.read(), app, &hash).await?.ok_or_else(not_found)?;
    let is_addressee = is_addressee(state, context, user, &known).await?;

    let write = state.store.begin().await?;
    let row = workspaces::lock(&write, app, known.workspace_num).await?.ok_or_else(not_found)?;
    let mut invite = invites::lock(&write, app, &hash).await?.ok_or_else(not_found)?;
    if workspace_members::find(write.connection(), app, row.num, user).await?.is_some() {
        write.rollback().await?;
        return answer(state, &row, user, false, state.top().await?).await;
    }
    let now = state.now();
    if !is_addressee {
        return Err(Error::new(Reason::InviteForAnother, "the invite is for another e-mail address"));
    }
    let role = WorkspaceRole::parse(&invite.role)?;
    require_maker(&write, &invite, role).await?;
    check(&invite, now)?;
    require_lasting(&row, now)?;
    invite.uses += 1;
    invites::save_uses(&write, &invite).await?;
    let mut facts = Facts::new(context, now);
    enter(&write, &row, [user], role, &mut facts, now).await?;
    let log_position = state.commit(write, facts.into_events()).await?;
    answer(state, &row, user, true, log_position).await
}

/// Whether an invite is for whoever has it, or for the user's own address.
async fn is_addressee(state: &State, context: &Context, user: Num, invite: &invite::Model) -> Result<bool> {
    let Some(expected) = &invite.email_hash else { return Ok(true) };
    let request = GetUsersRequest { nums: vec![user], ids: Vec::new() };
    let reply = state.auth().get_users(context.as_service().request(request)).await?.into_inner();
    let email = reply.users.into_iter().find(|found| found.num == user).map(|found| found.email);
    Ok(email.is_some_and(|email| !email.is_empty() && rules::email_hash(invite.app, &email) == *expected))
}

/// INVITE_NOT_FOUND unless whoever made the invite may still give that role away: what he could give as an owner
/// is not his to give, or to take, once he is none.
async fn require_maker(write: &Write, invite: &invite::Model, role: WorkspaceRole) -> Result<()> {
    let (app, workspace, maker) = (invite.app, invite.workspace_num, invite.creator_num);
    let maker = workspace_members::find(write.connection(), app, workspace, maker).await?;
    match maker.as_ref().map(convert::workspace_role_of).transpose()? {
        Some(own) if own.may_assign(role) => Ok(()),
        _ => Err(not_found()),
    }
}

fn check(invite: &invite::Model, now: Micros) -> Result<()> {
    if invite.max_uses > 0 && invite.uses >= invite.max_uses {
        return Err(Error::new(Reason::InviteUsedUp, "the invite has been used up"));
    }
    if invite.expires_at <= now.0 {
        return Err(Error::new(Reason::InviteExpired, "the invite has expired"));
    }
    Ok(())
}

fn not_found() -> Error {
    Error::new(Reason::InviteNotFound, "no such invite")
}

async fn answer(
    state: &State,
    row: &workspace::Model,
    user: Num,
    joined: bool,
    log_position: u64,
) -> Result<AcceptInviteResponse> {
    let workspace = Some(one_shown(state.store.read(), row, Some(user)).await?);
    Ok(AcceptInviteResponse { workspace, joined, log_position })
}
