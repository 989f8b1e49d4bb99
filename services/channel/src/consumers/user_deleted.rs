use parlance_core::{Micros, Num, Result};
use parlance_rpc::Context;
use parlance_sql::Write;

use crate::facts::Facts;
use crate::ops::end_membership::end_membership;
use crate::ops::leave_workspace::inherit_workspace;
use crate::store::types::Types;
use crate::store::{blocks, channels, invites, members, workspace_members, workspaces};

/// Ends all memberships of a user who is gone, in workspaces and channels, handing ownership over where
/// needed. What is left of his direct channels can be read, not written. His blocks and invites, and the
/// blocks of him, are erased. Consuming the fact twice changes nothing the second time.
pub async fn end_memberships(
    write: &Write,
    context: &Context,
    types: &Types,
    user: Num,
    facts: &mut Facts<'_>,
    now: Micros,
) -> Result<()> {
    let app = context.caller.app;
    // Workspaces before channels, as everywhere.
    for num in workspace_members::workspaces_of(write, app, user).await? {
        let Some(workspace) = workspaces::lock(write, app, num).await? else { continue };
        let Some(member) = workspace_members::find(write.connection(), app, num, user).await? else {
            continue;
        };
        inherit_workspace(write, workspace, &member, facts, now).await?;
    }
    invites::remove_of_creator(write, app, user).await?;
    blocks::remove_everywhere(write, app, user).await?;
    // In rising order, so that two consumers never wait for each other's channels.
    for num in members::channels_of(write, app, user).await? {
        let Some(mut channel) = channels::lock(write, app, num).await? else { continue };
        let Some(member) = members::find(write.connection(), app, num, user).await? else { continue };
        end_membership(write, &mut channel, &member, true, facts, now).await?;
        let of = types.of(&channel)?;
        if of.direct && channel.deleted_at.is_none() && !channel.frozen {
            channel.frozen = true;
            channel.policy_version += 1;
            channel.updated_at = now.0;
            channels::save(write, &channel).await?;
            facts.channel_updated(&channel, of);
        }
    }
    members::remove_everywhere(write, app, user).await
}
