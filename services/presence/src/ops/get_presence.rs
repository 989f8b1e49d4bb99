use std::collections::HashSet;

use parlance_core::{Error, Num, Result};
use parlance_proto::channel::ListCompanionsRequest;
use parlance_proto::presence::{GetPresenceRequest, GetPresenceResponse};
use parlance_rpc::Context;

use crate::convert;
use crate::domain::online::Signs;
use crate::presence::Presence;

/// Most users of one question.
const MAX_USERS: usize = 1000;

/// Tells of each user in the order asked. To a user only of himself and of those who hear of him as
/// well (who share a small channel); all others look like somebody never seen.
pub(crate) async fn get_presence(
    presence: &Presence,
    context: &Context,
    request: GetPresenceRequest,
) -> Result<GetPresenceResponse> {
    if request.user_nums.len() > MAX_USERS {
        return Err(Error::invalid("user_nums", format!("may hold at most {MAX_USERS}")));
    }
    let visible = visible(presence, context, &request.user_nums).await?;
    let now = presence.now();
    let signs = presence.store.look(context.caller.app, &request.user_nums).await?;
    let users = request
        .user_nums
        .iter()
        .zip(signs)
        .map(|(&num, signs)| {
            let shown = visible.as_ref().is_none_or(|visible| visible.contains(&num));
            convert::user_presence(num, if shown { &signs } else { &Signs::NONE }, now)
        })
        .collect();
    Ok(GetPresenceResponse { users })
}

/// Whom the caller may see; `None` = everybody.
async fn visible(presence: &Presence, context: &Context, asked: &[Num]) -> Result<Option<HashSet<Num>>> {
    let Some(caller) = context.caller.user_num() else {
        context.caller.require_server()?;
        return Ok(None);
    };
    let mut visible = HashSet::from([caller]);
    let among_nums: Vec<Num> = asked.iter().copied().filter(|&num| num != caller).collect();
    if !among_nums.is_empty() {
        let max_members = presence.settings.state_events_max_members;
        let question = ListCompanionsRequest { user_num: caller, max_members, among_nums };
        let request = context.as_service().request(question);
        visible.extend(presence.channel.clone().list_companions(request).await?.into_inner().user_nums);
    }
    Ok(Some(visible))
}
