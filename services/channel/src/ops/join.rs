use parlance_core::{Micros, Num, Result};
use parlance_sql::Write;

use crate::domain::Role;
use crate::facts::Facts;
use crate::store::{channel, channels, member, members};

/// Makes people members of a locked channel of which they are none yet. Their unread messages start
/// at the channel's newest seq. Nobody loses a right by this, so the policy version stays.
pub async fn join(
    write: &Write,
    channel: &mut channel::Model,
    users: impl IntoIterator<Item = Num>,
    role: Role,
    facts: &mut Facts<'_>,
    now: Micros,
) -> Result<Vec<member::Model>> {
    let joined: Vec<member::Model> = users
        .into_iter()
        .map(|user| members::fresh(channel.app, channel.num, user, role, channel.last_seq, now))
        .collect();
    if joined.is_empty() {
        return Ok(joined);
    }
    members::add(write, joined.clone()).await?;
    for member in &joined {
        channel.member_count += 1;
        facts.member_joined(channel, member);
    }
    channels::save(write, channel).await?;
    Ok(joined)
}
