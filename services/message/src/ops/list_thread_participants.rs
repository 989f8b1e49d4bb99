use parlance_core::Result;
use parlance_proto::message::list_thread_participants_response::Participant;
use parlance_proto::message::{ListThreadParticipantsRequest, ListThreadParticipantsResponse};
use parlance_rpc::Context;

use super::{message_of, readable};
use crate::service::Service;
use crate::store::messages;

/// Most participants that are told.
const MOST: u32 = 1000;

/// Who has replied to a message, in the order of their first live reply.
pub async fn list_thread_participants(
    service: &Service,
    context: &Context,
    request: ListThreadParticipantsRequest,
) -> Result<ListThreadParticipantsResponse> {
    readable(service, context, request.channel_num).await?;
    let parent = message_of(service, context, request.channel_num, request.parent.as_ref()).await?;
    let authors = messages::repliers(service.store.read(), context.caller.app, parent.num, MOST).await?;
    let participants =
        authors.into_iter().map(|(user_num, reply_count)| Participant { user_num, reply_count }).collect();
    Ok(ListThreadParticipantsResponse { participants })
}
