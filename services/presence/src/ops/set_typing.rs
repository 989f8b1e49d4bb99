use std::sync::Arc;

use parlance_bus::{Message, Topic};
use parlance_core::Result;
use parlance_proto::presence::{SetTypingRequest, SetTypingResponse};
use parlance_rpc::Context;

use crate::convert;
use crate::domain::typing::Change;
use crate::permission::{Permission, may_type};
use crate::presence::Presence;
use crate::store::{Typist, User};

/// The caller types in a channel, or stops.
pub(crate) async fn set_typing(
    presence: &Presence,
    context: &Context,
    request: SetTypingRequest,
) -> Result<SetTypingResponse> {
    let user = User { app: context.caller.app, num: context.caller.require_user()? };
    let typist = Typist { user, channel: convert::num(request.channel_num, "channel_num")? };
    match (may_type(presence, context, typist).await?, request.typing) {
        (Permission::NotShown, _) => {}
        (Permission::Shown, false) => stop_typing(presence, typist).await?,
        (Permission::Shown, true) => {
            // Listened to first: his message may land at any moment.
            presence.watch.keep(typist.channel, presence.now()).await?;
            let change = presence.store.hear_typing(typist, presence.now()).await?;
            publish(presence, change.map(|change| (typist, change))).await?;
        }
    }
    Ok(SetTypingResponse {})
}

/// Ends somebody's typing, if he types.
pub(crate) async fn stop_typing(presence: &Presence, typist: Typist) -> Result<()> {
    let change = presence.store.stop_typing(typist, presence.now()).await?;
    publish(presence, change.map(|change| (typist, change))).await
}

/// Tells the channels of changes, in order.
pub(crate) async fn publish(
    presence: &Presence,
    changes: impl IntoIterator<Item = (Typist, Change)>,
) -> Result<()> {
    let now = presence.now();
    let messages: Vec<_> = changes
        .into_iter()
        .map(|(typist, change)| {
            let event = convert::typing_event(&typist, change, now);
            (Topic::chat(typist.channel), Message::Event(Arc::new(event)))
        })
        .collect();
    if messages.is_empty() { Ok(()) } else { presence.announcer.bus().publish(messages).await }
}
