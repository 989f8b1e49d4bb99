use parlance_core::{Error, Reason, Result};
use parlance_proto::channel::Action;
use parlance_proto::event::{ReactionAdded, event::Payload};
use parlance_proto::message::{AddReactionRequest, AddReactionResponse};
use parlance_rpc::Context;

use super::one_as_seen;
use crate::channel_write::ChannelWrite;
use crate::domain::draft;
use crate::service::Service;
use crate::store::reactions;

/// Most different reactions to one message.
const MAX_KINDS: usize = 20;

/// Adds the caller's reaction; one that is there is a success without an event.
pub async fn add_reaction(
    service: &Service,
    context: &Context,
    request: AddReactionRequest,
) -> Result<AddReactionResponse> {
    let user = context.caller.require_user()?;
    draft::check_reaction(&request.r#type)?;
    let mut write = ChannelWrite::open(service, context, request.channel_num, Action::React).await?;
    let row = write.message(request.message.as_ref()).await?;
    let kinds = reactions::kinds(write.connection(), row.num).await?;
    if kinds.len() >= MAX_KINDS && !kinds.contains(&request.r#type) {
        return Err(Error::new(
            Reason::TooManyReactions,
            format!("at most {MAX_KINDS} different reactions to one message"),
        ));
    }
    let channel = request.channel_num;
    let added =
        reactions::add(write.connection(), row.app, channel, row.num, &request.r#type, user, write.now)
            .await?;
    if added {
        write
            .append(
                service,
                Payload::ReactionAdded(ReactionAdded {
                    message_num: row.num,
                    message_id: row.public_id(),
                    r#type: request.r#type,
                    user_num: user,
                }),
            )
            .await?;
        write.finish(service).await?;
    }
    Ok(AddReactionResponse { added, message: one_as_seen(service, context, row.num).await? })
}
