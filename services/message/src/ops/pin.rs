use parlance_core::{Error, Reason, Result};
use parlance_proto::channel::Action;
use parlance_proto::event::{MessageUpdated, event::Payload};
use parlance_proto::message::{PinMessageRequest, PinMessageResponse};
use parlance_rpc::Context;

use super::one_as_seen;
use crate::channel_write::ChannelWrite;
use crate::service::Service;
use crate::store::messages;

/// Most pinned messages of a channel; counted under the channel's lock.
const MAX_PINS: i64 = 25;

/// Pins a message to its channel; a pinned one is a success without an event.
pub async fn pin(
    service: &Service,
    context: &Context,
    request: PinMessageRequest,
) -> Result<PinMessageResponse> {
    let user = context.caller.require_user()?;
    let mut write = ChannelWrite::open(service, context, request.channel_num, Action::Pin).await?;
    let row = write.message(request.message.as_ref()).await?;
    let changed = row.pinned_at.is_none();
    if changed {
        if messages::pin_count(write.connection(), request.channel_num).await? >= MAX_PINS {
            return Err(Error::new(
                Reason::TooManyPins,
                format!("at most {MAX_PINS} pinned messages in a channel"),
            ));
        }
        messages::set_pin(write.connection(), row.app, row.num, Some((user, write.now))).await?;
        let payload = Payload::MessageUpdated(MessageUpdated { message_num: row.num, ..Default::default() });
        write.append(service, payload).await?;
        write.finish(service).await?;
    }
    Ok(PinMessageResponse { changed, message: one_as_seen(service, context, row.num).await? })
}
