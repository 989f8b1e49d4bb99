use std::collections::HashSet;

use parlance_core::{Actor, Error, Num, Reason, Result};
use parlance_proto::channel::{GetChannelsRequest, GetChannelsResponse};
use parlance_rpc::Context;

use super::by_channel;
use crate::convert;
use crate::domain::limits;
use crate::state::State;
use crate::store::{channels, members, workspace_members};

/// Channels by num, in the order asked for: those that a user may read, with his membership; all live
/// ones for services and the app's backend.
pub async fn get_channels(
    state: &State,
    context: &Context,
    request: GetChannelsRequest,
) -> Result<GetChannelsResponse> {
    limits::batch("nums", request.nums.len(), limits::MAX_BATCH)?;
    let app = context.caller.app;
    let viewer = match context.caller.actor {
        Actor::User { num } => Some(num),
        Actor::Service | Actor::App => {
            context.caller.require_server()?;
            None
        }
        Actor::Public => {
            return Err(Error::new(Reason::NotAllowed, "this call needs a user or a secret key"));
        }
    };
    let types = state.types(app).await?;
    let mut rows = if request.include_deleted {
        context.caller.require_service()?;
        channels::find_many_ever(&state.store, app, &request.nums).await?
    } else {
        channels::find_many(&state.store, app, &request.nums).await?
    };
    rows.sort_by_key(|row| request.nums.iter().position(|num| *num == row.num));
    let own = match viewer {
        Some(user) => {
            let nums: Vec<_> = rows.iter().map(|row| row.num).collect();
            by_channel(members::of_user(state.store.read(), app, user, &nums).await?)
        }
        None => Default::default(),
    };
    let workspaces: HashSet<Num> = match viewer {
        Some(user) => {
            let strange = rows.iter().filter(|row| row.open_in_workspace && !own.contains_key(&row.num));
            let asked: Vec<Num> = strange.filter_map(|row| row.workspace_num).collect();
            let found = workspace_members::of_user(state.store.read(), app, user, &asked).await?;
            found.into_iter().map(|row| row.workspace_num).collect()
        }
        None => Default::default(),
    };
    let now = state.now();
    let mut reply = GetChannelsResponse::default();
    for row in &rows {
        let of = types.of(row)?;
        let membership = own.get(&row.num);
        let inside = row.open_in_workspace && row.workspace_num.is_some_and(|num| workspaces.contains(&num));
        match viewer {
            None => reply.channels.push(convert::channel(row, of, None)),
            Some(user) if membership.is_some() || row.discoverable || inside => {
                reply.channels.push(convert::channel_with(row, of, user, membership, now));
            }
            Some(_) => {}
        }
    }
    Ok(reply)
}
