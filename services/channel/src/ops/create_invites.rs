use std::time::Duration;

use parlance_core::{Error, Micros, Result};
use parlance_proto::channel::create_invites_response::Invite;
use parlance_proto::channel::{CreateInvitesRequest, CreateInvitesResponse};
use parlance_rpc::Context;

use super::workspace::{open, require_lasting};
use crate::domain::{WorkspaceRole, invite as rules};
use crate::state::State;
use crate::store::{invite, invites};

/// How long an invite that has ended is still known as such.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Makes a link for whoever has it, or an invite for each address. No mail is sent from here.
pub async fn create_invites(
    state: &State,
    context: &Context,
    request: CreateInvitesRequest,
) -> Result<CreateInvitesResponse> {
    let creator = context.caller.require_user()?;
    let app = context.caller.app;
    let role = WorkspaceRole::parse_or_member(&request.role)?;
    let uses = rules::uses(request.max_uses)?;
    let life = rules::life(request.expires_in_days)?;
    let emails = rules::emails(request.emails)?;
    if !emails.is_empty() && uses != 0 {
        return Err(Error::invalid("max_uses", "is for links only"));
    }
    let now = state.now();
    let expires_at = now + life;
    let mut made = Vec::new();
    if emails.is_empty() {
        made.push(Invite { token: rules::token()?, email: String::new() });
    }
    for email in emails {
        made.push(Invite { token: rules::token()?, email });
    }

    let write = state.store.begin().await?;
    let opened = open(&write, context, request.workspace_num).await?;
    opened.require_may_assign(role)?;
    require_lasting(&opened.row, now)?;
    let rows = made
        .iter()
        .map(|one| invite::Model {
            token_hash: rules::hash(&one.token),
            app,
            workspace_num: opened.row.num,
            creator_num: creator,
            role: role.as_str().to_owned(),
            max_uses: if one.email.is_empty() { uses } else { 1 },
            uses: 0,
            email_hash: (!one.email.is_empty()).then(|| rules::email_hash(app, &one.email)),
            created_at: now.0,
            expires_at: expires_at.0,
        })
        .collect();
    invites::add(&write, rows).await?;
    let ended = Micros(now.0.saturating_sub(KEPT.as_micros() as i64));
    invites::remove_ended(&write, app, opened.row.num, ended).await?;
    drop(write.commit().await?);
    Ok(CreateInvitesResponse { invites: made, expires_at: Some(expires_at.timestamp()) })
}
