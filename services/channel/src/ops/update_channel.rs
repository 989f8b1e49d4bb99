use parlance_core::Result;
use parlance_proto::channel::{UpdateChannelRequest, UpdateChannelResponse};
use parlance_rpc::Context;

use super::open;
use crate::convert;
use crate::domain::{Action, limits};
use crate::facts::Facts;
use crate::state::State;
use crate::store::{channel, channels};

/// Changes name, description, image and switches. Switches may take rights away, so they raise the
/// policy version; the readable key stays, whatever the new name.
pub async fn update_channel(
    state: &State,
    context: &Context,
    request: UpdateChannelRequest,
) -> Result<UpdateChannelResponse> {
    let user = context.caller.require_user()?;
    request.name.as_deref().map_or(Ok(()), limits::name)?;
    request.description.as_deref().map_or(Ok(()), limits::description)?;
    request.image.as_deref().map_or(Ok(()), limits::image)?;
    let types = state.types(context.caller.app).await?;

    let write = state.store.begin().await?;
    let opened = open(&write, context, &types, request.channel_num).await?;
    opened.require(Action::UpdateChannel)?;
    let (before, of) = (opened.channel, opened.channel_type);
    let overrides = convert::overrides_of(&before).merged(convert::overrides(request.config));
    let config = of.config(overrides);
    let switched = config != of.config(convert::overrides_of(&before));
    let mut channel = channel::Model {
        name: request.name.unwrap_or_else(|| before.name.clone()),
        description: request.description.unwrap_or_else(|| before.description.clone()),
        image: request.image.unwrap_or_else(|| before.image.clone()),
        config: convert::overrides_text(overrides)?,
        discoverable: before.workspace_num.is_none() && of.discoverable(config),
        open_in_workspace: before.workspace_num.is_some() && of.open_in_workspace(config),
        policy_version: before.policy_version + i64::from(switched),
        ..before.clone()
    };
    let now = state.now();
    let log_position = if channel == before {
        write.rollback().await?;
        state.top().await?
    } else {
        channel.updated_at = now.0;
        channels::save(&write, &channel).await?;
        let mut facts = Facts::new(context, now);
        facts.channel_updated(&channel, of);
        state.commit(write, facts.into_events()).await?
    };
    let channel = convert::channel_with(&channel, of, user, opened.caller.as_ref(), now);
    Ok(UpdateChannelResponse { channel: Some(channel), log_position })
}
