use std::collections::BTreeMap;

use parlance_core::{Micros, Num, Result};
use parlance_sql::Write;

use super::delete_workspace::end_workspace;
use super::end_membership::end_membership;
use super::workspace::{count, told_of};
use crate::domain::WorkspaceRole;
use crate::facts::Facts;
use crate::store::{channels, member, members, workspace, workspace_member, workspace_members};

/// Ends a membership in a locked workspace, and those in its channels. Of its open channels that he could
/// read without being a member, the policy version rises.
pub async fn leave_workspace(
    write: &Write,
    row: &workspace::Model,
    user: Num,
    removed: bool,
    facts: &mut Facts<'_>,
    now: Micros,
) -> Result<()> {
    workspace_members::remove(write, row.app, row.num, user).await?;
    let mut locked = channels::lock_of_workspace(write, row.app, row.num).await?;
    let nums: Vec<Num> = locked.iter().map(|channel| channel.num).collect();
    let own: BTreeMap<Num, member::Model> = members::of_user(write.connection(), row.app, user, &nums)
        .await?
        .into_iter()
        .map(|member| (member.channel_num, member))
        .collect();
    let mut raised = Vec::new();
    for channel in &mut locked {
        if let Some(member) = own.get(&channel.num) {
            end_membership(write, channel, member, removed, facts, now).await?;
        } else if channel.open_in_workspace {
            channel.policy_version += 1;
            facts.policy_raised(channel, user);
            raised.push(channel.num);
        }
    }
    channels::raise_policy(write, row.app, &raised).await?;
    let told = told_of(write, row, user).await?;
    facts.workspace_member_left(row, user, count(write.connection(), row).await?, removed, told);
    Ok(())
}

/// What is left of a locked workspace when a member is gone from the app: the oldest of the highest role
/// owns it if he was the last owner, and it ends if he was the last member. His channels are another matter.
pub async fn inherit_workspace(
    write: &Write,
    row: workspace::Model,
    member: &workspace_member::Model,
    facts: &mut Facts<'_>,
    now: Micros,
) -> Result<()> {
    let (app, num, user) = (row.app, row.num, member.user_num);
    workspace_members::remove(write, app, num, user).await?;
    let Some(mut heir) = workspace_members::senior(write, app, num).await? else {
        return end_workspace(write, row, Some(user), facts, now).await;
    };
    if heir.role != WorkspaceRole::Owner.as_str() {
        heir.role = WorkspaceRole::Owner.as_str().to_owned();
        heir.rank = WorkspaceRole::Owner.rank();
        workspace_members::save(write, &heir).await?;
    }
    let told = told_of(write, &row, user).await?;
    facts.workspace_member_left(&row, user, count(write.connection(), &row).await?, true, told);
    Ok(())
}
