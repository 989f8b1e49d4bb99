use std::time::Duration;

use parlance_core::{Error, Micros, Reason, Result};
use parlance_proto::channel::Action;
use parlance_proto::event::{MessageDeleted, MessageUpdated, event::Payload};
use parlance_proto::message::{DeleteMessageRequest, DeleteMessageResponse};
use parlance_rpc::Context;

use crate::channel_write::ChannelWrite;
use crate::service::Service;
use crate::store::{messages, reactions};

/// Deletes one's own message: a tombstone with id, seq and author stays, unread counts and the
/// parent's replies follow.
pub async fn delete(
    service: &Service,
    context: &Context,
    request: DeleteMessageRequest,
) -> Result<DeleteMessageResponse> {
    let author = context.caller.require_user()?;
    let mut write = ChannelWrite::open(service, context, request.channel_num, Action::Read).await?;
    let row = write.message_or_tombstone(request.message.as_ref()).await?;
    if row.author_num != author {
        return Err(Error::new(Reason::NotTheAuthor, "only its author may delete a message"));
    }
    if row.deleted_at.is_some() {
        return Ok(DeleteMessageResponse { deleted: false });
    }
    let window = Duration::from_secs(u64::from(request.window_s));
    if request.window_s > 0 && write.now.since(Micros(row.created_at)) > window {
        return Err(Error::new(
            Reason::DeleteWindowPassed,
            format!("a message can be deleted for {} s after it was sent", request.window_s),
        ));
    }

    messages::erase(write.connection(), row.app, row.num, write.now).await?;
    reactions::clear(write.connection(), row.num).await?;
    write.head.message_count -= 1;
    let message = row.message()?;
    write
        .append(
            service,
            Payload::MessageDeleted(MessageDeleted {
                message_num: row.num,
                message_id: message.id,
                seq: message.seq,
                author_num: row.author_num,
                parent_num: row.parent_num,
                parent_id: message.parent_id,
                counted: row.counted,
            }),
        )
        .await?;
    if row.parent_num != 0 {
        let parent = MessageUpdated { message_num: row.parent_num, ..Default::default() };
        write.append(service, Payload::MessageUpdated(parent)).await?;
    }
    write.finish(service).await?;
    Ok(DeleteMessageResponse { deleted: true })
}
