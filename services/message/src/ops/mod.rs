//! One use case a file, told top to bottom.

mod add_reaction;
mod await_facts;
mod delete;
mod edit;
mod follow;
mod get;
mod get_unread;
mod list;
mod list_pins;
mod list_read_positions;
mod list_thread;
mod list_thread_participants;
mod mark_read;
mod pin;
mod query_readers;
mod read_log;
mod read_streams;
mod remove_reaction;
mod send;
mod summarize;
mod unpin;

pub use add_reaction::add_reaction;
pub use await_facts::await_facts;
pub use delete::delete;
pub use edit::edit;
pub use follow::{Following, follow};
pub use get::get;
pub use get_unread::get_unread;
pub use list::list;
pub use list_pins::list_pins;
pub use list_read_positions::list_read_positions;
pub use list_thread::list_thread;
pub use list_thread_participants::list_thread_participants;
pub use mark_read::mark_read;
pub use pin::pin;
pub use query_readers::query_readers;
pub use read_log::read_log;
pub use read_streams::read_streams;
pub use remove_reaction::remove_reaction;
pub use send::send;
pub use summarize::summarize;
pub use unpin::unpin;

use std::sync::Arc;

use parlance_core::{Error, Num, Result};
use parlance_proto::channel::Action;
use parlance_proto::message::{Message, MessageRef};
use parlance_rpc::Context;

use crate::access::Decision;
use crate::channel_write::not_found;
use crate::consumers::channel;
use crate::service::Service;
use crate::store::heads::{self, Head};
use crate::store::{chat, messages, rows::MessageRow};

/// Permission to look into a channel, current as of the head that comes with it.
async fn readable(service: &Service, context: &Context, channel: Num) -> Result<(Arc<Decision>, Head)> {
    let mut min_version = 0;
    for _ in 0..3 {
        let decision = service.access.require(context, channel, Action::Read, false, min_version).await?;
        let found = heads::find(service.store.read(), context.caller.app, vec![chat(channel)]).await?;
        match found.into_iter().next() {
            Some((_, head)) if head.policy_version <= decision.policy_version => return Ok((decision, head)),
            Some((_, head)) => min_version = head.policy_version,
            // The channel exists, its creation has not reached this service yet.
            None => channel::catch_up(service, context).await?,
        }
    }
    Err(Error::unavailable("the channel's policy keeps changing"))
}

/// The message of a channel that a reference names; a tombstone counts.
async fn message_of(
    service: &Service,
    context: &Context,
    channel: Num,
    reference: Option<&MessageRef>,
) -> Result<MessageRow> {
    let reference = reference.ok_or_else(|| Error::invalid("message", "is required"))?;
    messages::find(service.store.read(), context.caller.app, reference)
        .await?
        .filter(|row| row.channel_num == channel)
        .ok_or_else(not_found)
}

/// Rows as the caller sees them.
async fn as_seen(service: &Service, context: &Context, rows: Vec<MessageRow>) -> Result<Vec<Message>> {
    messages::complete(service.store.read(), rows, context.caller.user_num()).await
}

/// One row as the caller sees it.
async fn one_as_seen(service: &Service, context: &Context, num: Num) -> Result<Option<Message>> {
    let rows = messages::by_nums(service.store.read(), context.caller.app, vec![num]).await?;
    Ok(as_seen(service, context, rows).await?.into_iter().next())
}
