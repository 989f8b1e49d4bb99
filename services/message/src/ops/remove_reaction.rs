use parlance_core::Result;
use parlance_proto::channel::Action;
use parlance_proto::event::{ReactionRemoved, event::Payload};
use parlance_proto::message::{RemoveReactionRequest, RemoveReactionResponse};
use parlance_rpc::Context;

use super::one_as_seen;
use crate::channel_write::ChannelWrite;
use crate::domain::draft;
use crate::service::Service;
use crate::store::reactions;

/// Removes the caller's reaction; one that is not there is a success without an event.
pub async fn remove_reaction(
    service: &Service,
    context: &Context,
    request: RemoveReactionRequest,
) -> Result<RemoveReactionResponse> {
    let user = context.caller.require_user()?;
    draft::check_reaction(&request.r#type)?;
    let mut write = ChannelWrite::open(service, context, request.channel_num, Action::React).await?;
    let row = write.message(request.message.as_ref()).await?;
    let removed = reactions::remove(write.connection(), row.num, &request.r#type, user).await?;
    if removed {
        write
            .append(
                service,
                Payload::ReactionRemoved(ReactionRemoved {
                    message_num: row.num,
                    message_id: row.public_id(),
                    r#type: request.r#type,
                    user_num: user,
                }),
            )
            .await?;
        write.finish(service).await?;
    }
    Ok(RemoveReactionResponse { removed, message: one_as_seen(service, context, row.num).await? })
}
