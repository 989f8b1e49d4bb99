use std::collections::{HashMap, HashSet};

use parlance_core::Result;
use parlance_proto::channel::list_members_of_channels_response::Members;
use parlance_proto::channel::{ListMembersOfChannelsRequest, ListMembersOfChannelsResponse};
use parlance_rpc::Context;

use crate::convert;
use crate::domain::limits;
use crate::state::State;
use crate::store::members;

/// Most channels of one question.
const MAX_CHANNELS: usize = 100;
/// Most members of each, and as many as are told if the question does not say.
const MAX_EACH: u32 = 100;

/// The first members of each of some channels, in the order asked; unknown and deleted ones are left out.
pub async fn list_members_of_channels(
    state: &State,
    context: &Context,
    request: ListMembersOfChannelsRequest,
) -> Result<ListMembersOfChannelsResponse> {
    context.caller.require_service()?;
    limits::batch("channel_nums", request.channel_nums.len(), MAX_CHANNELS)?;
    let each = limits::page(request.limit_each, MAX_EACH, MAX_EACH);
    let mut lists: HashMap<_, Vec<_>> = HashMap::new();
    let now = state.now();
    for row in members::first_of_each(&state.store, context.caller.app, &request.channel_nums, each).await? {
        lists.entry(row.channel_num).or_default().push(convert::member(&row, now));
    }
    let mut told = HashSet::new();
    let asked = request.channel_nums.into_iter().filter(|num| told.insert(*num));
    // A live channel has a member: the last one's leaving deletes it.
    let channels = asked
        .filter_map(|channel_num| Some(Members { channel_num, members: lists.remove(&channel_num)? }))
        .collect();
    Ok(ListMembersOfChannelsResponse { channels })
}
