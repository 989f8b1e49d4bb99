use parlance_core::{Micros, Result};
use parlance_sql::Write;

use super::delete_channel::mark_deleted;
use crate::domain::Role;
use crate::facts::Facts;
use crate::store::{channel, channels, member, members};

/// Ends a membership in a locked channel. The last owner hands ownership to the oldest of the highest
/// role; the last member takes the channel with him.
pub async fn end_membership(
    write: &Write,
    channel: &mut channel::Model,
    member: &member::Model,
    removed: bool,
    facts: &mut Facts<'_>,
    now: Micros,
) -> Result<()> {
    let (app, num) = (channel.app, channel.num);
    members::remove(write, app, num, member.user_num).await?;
    channel.member_count -= 1;
    channel.policy_version += 1;
    facts.member_left(channel, member.user_num, removed);
    if channel.member_count <= 0 {
        return mark_deleted(write, channel, facts, now).await;
    }
    if member.role == Role::Owner.as_str()
        && let Some(mut heir) = members::senior(write, app, num).await?
        && heir.role != Role::Owner.as_str()
    {
        heir.role = Role::Owner.as_str().to_owned();
        heir.rank = Role::Owner.rank();
        members::save(write, &heir, now).await?;
        facts.member_updated(channel, &heir);
    }
    channels::save(write, channel).await
}
