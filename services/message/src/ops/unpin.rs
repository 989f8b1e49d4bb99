use parlance_core::Result;
use parlance_proto::channel::Action;
use parlance_proto::event::{MessageUpdated, event::Payload};
use parlance_proto::message::{UnpinMessageRequest, UnpinMessageResponse};
use parlance_rpc::Context;

use super::one_as_seen;
use crate::channel_write::ChannelWrite;
use crate::service::Service;
use crate::store::messages;

/// Unpins a message; one that is not pinned is a success without an event.
pub async fn unpin(
    service: &Service,
    context: &Context,
    request: UnpinMessageRequest,
) -> Result<UnpinMessageResponse> {
    let mut write = ChannelWrite::open(service, context, request.channel_num, Action::Pin).await?;
    let row = write.message(request.message.as_ref()).await?;
    let changed = row.pinned_at.is_some();
    if changed {
        messages::set_pin(write.connection(), row.app, row.num, None).await?;
        let payload = Payload::MessageUpdated(MessageUpdated { message_num: row.num, ..Default::default() });
        write.append(service, payload).await?;
        write.finish(service).await?;
    }
    Ok(UnpinMessageResponse { changed, message: one_as_seen(service, context, row.num).await? })
}
