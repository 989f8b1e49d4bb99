use parlance_core::{Error, Reason, Result};
use parlance_proto::channel::{AddMembersRequest, AddMembersResponse};
use parlance_rpc::Context;

use super::join::join;
use super::workspace::{hold_of, require_inside};
use super::{is_open, open, refusal, require_users};
use crate::domain::{Action, Role, limits, membership};
use crate::facts::Facts;
use crate::state::{State, channel_not_found};
use crate::store::{channels, members};

/// Adds users, or lets the caller join a channel that is open to all. Present members are skipped.
pub async fn add_members(
    state: &State,
    context: &Context,
    request: AddMembersRequest,
) -> Result<AddMembersResponse> {
    let user = context.caller.require_user()?;
    let app = context.caller.app;
    let num = request.channel_num;
    let role = if request.role.is_empty() { Role::Member } else { Role::parse(&request.role)? };
    let users = limits::users(request.user_nums)?;
    if users.is_empty() {
        return Err(Error::invalid("user_nums", "must name at least one user"));
    }
    let joins_himself = users.len() == 1 && users.contains(&user);
    let types = state.types(app).await?;
    if !joins_himself {
        require_users(state, context, &users).await?;
    }

    // A channel stays in the workspace in which it was made.
    let known = channels::find(state.store.read(), app, num).await?.ok_or_else(channel_not_found)?;

    let write = state.store.begin().await?;
    hold_of(&write, app, known.workspace_num).await?;
    let mut opened = open(&write, context, &types, num).await?;
    opened.require_not_direct()?;
    if joins_himself {
        if opened.caller.is_none() && !is_open(write.connection(), &opened.channel, user).await? {
            return Err(refusal(Reason::NotAMember));
        }
        if opened.caller.is_none() && role != Role::Member {
            return Err(refusal(Reason::RoleTooLow));
        }
    } else {
        let own = opened.require(Action::ManageMembers)?;
        if !membership::may_assign(own, role) {
            return Err(refusal(Reason::RoleTooLow));
        }
    }
    let present = members::present(write.connection(), app, num, &users).await?;
    let absent: Vec<_> = users.difference(&present).copied().collect();
    if absent.is_empty() {
        write.rollback().await?;
        return Ok(AddMembersResponse { added_nums: absent, log_position: state.top().await? });
    }
    if let Some(workspace) = opened.channel.workspace_num {
        require_inside(&write, app, workspace, &absent).await?;
    }
    let now = state.now();
    let mut facts = Facts::new(context, now);
    join(&write, &mut opened.channel, absent.iter().copied(), role, &mut facts, now).await?;
    let log_position = state.commit(write, facts.into_events()).await?;
    Ok(AddMembersResponse { added_nums: absent, log_position })
}
