use parlance_core::{Reason, Result};
use parlance_proto::channel::{UpdateMemberRequest, UpdateMemberResponse};
use parlance_rpc::Context;

use super::{open, refusal};
use crate::convert;
use crate::domain::{Action, Role, membership};
use crate::facts::Facts;
use crate::state::State;
use crate::store::{channels, members};

/// Gives a member another role, or lays down one's own.
pub async fn update_member(
    state: &State,
    context: &Context,
    request: UpdateMemberRequest,
) -> Result<UpdateMemberResponse> {
    let user = context.caller.require_user()?;
    let app = context.caller.app;
    let num = request.channel_num;
    let to = Role::parse(&request.role)?;
    let types = state.types(app).await?;

    let write = state.store.begin().await?;
    let opened = open(&write, context, &types, num).await?;
    opened.require_not_direct()?;
    let own = opened.require(Action::Read)?;
    let himself = request.user_num == user;
    if !himself {
        opened.require(Action::ManageMembers)?;
    }
    let mut target = members::find(write.connection(), app, num, request.user_num)
        .await?
        .ok_or_else(|| refusal(Reason::MemberNotFound))?;
    let from = convert::role_of(&target)?;
    let now = state.now();
    let may = match himself {
        true => membership::may_change_own(from, to),
        false => membership::may_change(own, from, to),
    };
    if !may {
        return Err(refusal(Reason::RoleTooLow));
    }
    if from == to {
        write.rollback().await?;
        let member = Some(convert::member(&target, now));
        return Ok(UpdateMemberResponse { member, log_position: state.top().await? });
    }
    if from == Role::Owner && members::count_owners(&write, app, num).await? == 1 {
        return Err(refusal(Reason::LastOwner));
    }
    let mut channel = opened.channel;
    let mut facts = Facts::new(context, now);
    channel.policy_version += 1;
    target.role = to.as_str().to_owned();
    target.rank = to.rank();
    members::save(&write, &target, now).await?;
    channels::save(&write, &channel).await?;
    facts.member_updated(&channel, &target);
    let log_position = state.commit(write, facts.into_events()).await?;
    Ok(UpdateMemberResponse { member: Some(convert::member(&target, now)), log_position })
}
