use parlance_core::{Micros, Num, Result};
use parlance_rpc::Context;
use parlance_sql::Write;

use crate::facts::Facts;
use crate::ops::end_membership::end_membership;
use crate::store::types::Types;
use crate::store::{channels, members};

/// Ends all memberships of a user who is gone, handing ownership over where needed. What is left of his
/// direct channels can be read, not written. Consuming the fact twice changes nothing the second time.
pub async fn end_memberships(
    write: &Write,
    context: &Context,
    types: &Types,
    user: Num,
    facts: &mut Facts<'_>,
    now: Micros,
) -> Result<()> {
    let app = context.caller.app;
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
