use parlance_core::{Error, Micros, Reason, Result};
use parlance_proto::channel::Action;
use parlance_proto::event::{MessageUpdated, event::Payload};
use parlance_proto::message::{EditMessageRequest, EditMessageResponse};
use parlance_rpc::Context;

use super::{one_as_seen, send::mentioned};
use crate::channel_write::ChannelWrite;
use crate::domain::{draft, links};
use crate::service::Service;
use crate::store::messages::{self, Text};
use crate::store::previews;
use crate::store::rows::MessageRow;

/// Replaces the text of one's own message; mentions and link previews follow the new text.
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
    let known = row.mention_nums()?;
    let newly_mentioned_nums = mentions.iter().copied().filter(|num| !known.contains(num)).collect();
    let text = Text {
        mentions: MessageRow::encode_mentions(&mentions),
        ..with_links(service, &row, request.text, write.now)?
    };
    let wants_previews = text.preview_due.is_some();
    messages::edit(write.connection(), row.app, row.num, text, write.now).await?;
    let updated = MessageUpdated { message_num: row.num, message: None, newly_mentioned_nums };
    write.append(service, Payload::MessageUpdated(updated)).await?;
    write.finish(service).await?;
    if wants_previews {
        service.previews.notify_one();
    }
    Ok(EditMessageResponse { message: one_as_seen(service, context, row.num).await? })
}

/// Previews of links that stay are kept; new links are to be looked up.
fn with_links(service: &Service, row: &MessageRow, body: String, now: Micros) -> Result<Text> {
    let links = if service.finds_previews { links::links(&body) } else { Vec::new() };
    let mut known = row.message()?.link_previews;
    known.retain(|preview| links.contains(&preview.url));
    known.sort_by_key(|preview| links.iter().position(|link| *link == preview.url));
    let preview_due = (known.len() < links.len()).then_some(now);
    Ok(Text { body, mentions: None, previews: previews::encode(known), preview_due })
}
