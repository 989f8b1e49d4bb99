use parlance_core::{Reason, Result};
use parlance_proto::channel::{UpdateMemberSettingsRequest, UpdateMemberSettingsResponse};
use parlance_rpc::Context;

use super::{open, refusal};
use crate::convert;
use crate::facts::Facts;
use crate::state::State;
use crate::store::member::FOREVER;
use crate::store::members;

/// Mutes, unmutes, stars or unstars a channel for the caller.
pub async fn update_member_settings(
    state: &State,
    context: &Context,
    request: UpdateMemberSettingsRequest,
) -> Result<UpdateMemberSettingsResponse> {
    context.caller.require_user()?;
    let app = context.caller.app;
    let num = request.channel_num;
    let types = state.types(app).await?;

    let write = state.store.begin().await?;
    let opened = open(&write, context, &types, num).await?;
    let mut member = opened.caller.ok_or_else(|| refusal(Reason::NotAMember))?;
    let now = state.now();
    let before = (convert::is_muted(&member, now), member.starred);
    let (muted, starred) = (request.muted.unwrap_or(before.0), request.starred.unwrap_or(before.1));
    let log_position = if (muted, starred) == before {
        write.rollback().await?;
        state.top().await?
    } else {
        if muted != before.0 {
            member.muted_until = muted.then_some(FOREVER);
        }
        member.starred = starred;
        members::save(&write, &member, now).await?;
        let mut facts = Facts::new(context, now);
        facts.member_updated(&opened.channel, &member);
        state.commit(write, facts.into_events()).await?
    };
    Ok(UpdateMemberSettingsResponse { member: Some(convert::member(&member, now)), log_position })
}
