use parlance_core::{Error, Reason, Result};
use parlance_proto::channel::Action;
use parlance_proto::event::{MessageUpdated, event::Payload};
use parlance_proto::message::{EditMessageRequest, EditMessageResponse};
use parlance_rpc::Context;

use super::{one_as_seen, send::mentioned};
use crate::channel_write::ChannelWrite;
use crate::domain::draft;
use crate::service::Service;
use crate::store::messages;
use crate::store::rows::MessageRow;

/// Replaces the text of one's own message; mentions follow the new text.
pub async fn edit(
    service: &Service,
    context: &Context,
    request: EditMessageRequest,
) -> Result<EditMessageResponse> {
    let author = context.caller.require_user()?;
    draft::check_edit(&request.text)?;
    let mentions = mentioned(service, context, author, request.channel_num, &request.text, &[]).await?;

    let mut write = ChannelWrite::open(service, context, request.channel_num, Action::Send).await?;
    let row = write.message(request.message.as_ref()).await?;
    if row.author_num != author {
        return Err(Error::new(Reason::NotTheAuthor, "only its author may edit a message"));
    }
    let mentions = MessageRow::encode_mentions(&mentions);
    messages::edit(write.connection(), row.app, row.num, &request.text, mentions, write.now).await?;
    write
        .append(
            service,
            Payload::MessageUpdated(MessageUpdated { message_num: row.num, ..Default::default() }),
        )
        .await?;
    write.finish(service).await?;
    Ok(EditMessageResponse { message: one_as_seen(service, context, row.num).await? })
}
