use std::collections::HashSet;

use parlance_core::{Error, Num, Reason, Result, json};
use parlance_proto::channel::{Action, ResolveMentionsRequest};
use parlance_proto::message::{
    MessageDraft, MessageRef, SendMessageRequest, SendMessageResponse, send_message_request::OnRepeat,
};
use parlance_rpc::Context;

use super::one_as_seen;
use crate::commit::{Outcome, Pending};
use crate::consumers::channel;
use crate::domain::{draft, links, mentions};
use crate::service::Service;
use crate::store::messages;
use crate::store::rows::MessageRow;

/// Times that a send is tried again because the channel's policy changed between permission and commit.
const ATTEMPTS: usize = 5;

/// Stores a message: authorise, check the draft, resolve what it refers to, commit with whoever else
/// sends now. Events, `Touch` and the answer follow the commit (`commit/announcer.rs`).
pub async fn send(
    service: &Service,
    context: &Context,
    request: SendMessageRequest,
) -> Result<SendMessageResponse> {
    let author = context.caller.require_user()?;
    let draft = draft::check(&request)?;
    let mut min_version = 0;
    for _ in 0..ATTEMPTS {
        let permission = service
            .access
            .require(context, request.channel_num, Action::Send, request.join, min_version)
            .await?;
        if permission.joined_at > 0 {
            // The join must stand in the stream before the message does.
            service.facts.reach(permission.joined_at, context.deadline).await?;
        }
        let pending = Pending {
            policy_version: permission.policy_version,
            ..prepare(service, context, author, &request, draft).await?
        };
        match service.committer.commit(pending).await? {
            Outcome::Stored(message) => {
                return Ok(SendMessageResponse { message: Some(*message), repeated: false });
            }
            Outcome::Repeated(num) => return repeated(service, context, &request, num).await,
            Outcome::Outdated { policy_version } => min_version = policy_version,
            // The channel exists, its creation has not reached this service yet.
            Outcome::UnknownChannel => channel::catch_up(service, context).await?,
            Outcome::Failed(error) => return Err(error),
        }
    }
    Err(Error::unavailable("the channel's policy keeps changing"))
}

/// Everything about the message that can be known before its commit.
async fn prepare(
    service: &Service,
    context: &Context,
    author: Num,
    request: &SendMessageRequest,
    draft: &MessageDraft,
) -> Result<Pending> {
    let parent = parent_of(service, context, request.channel_num, draft.parent.as_ref()).await?;
    let quoted = quoted_of(service, context, request.channel_num, draft.quoted.as_ref()).await?;
    let mentions =
        mentioned(service, context, author, request.channel_num, &draft.text, &draft.mention_ids).await?;
    let custom = json::custom_text(&json::parse_custom(&draft.custom)?)?;
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(Pending {
        app: context.caller.app,
        channel: request.channel_num,
        author,
        text: draft.text.clone(),
        attachments: MessageRow::encode_attachments(draft.attachments.clone()),
        mentions,
        custom: filled(&custom),
        has_links: service.finds_previews && !links::links(&draft.text).is_empty(),
        parent,
        quoted,
        thread_only: draft.thread_only,
        client_message_id: filled(&request.client_message_id),
        wanted_id: wanted_id(&request.client_message_id),
        dedup_key: dedup_key(request),
        policy_version: 0,
        trace: context.trace.clone(),
    })
}

/// A client's id becomes the message's id if it is a UUID, unless it is one that carries a num of ours.
fn wanted_id(client_message_id: &str) -> Option<String> {
    let uuid = uuid::Uuid::try_parse(client_message_id).ok().filter(|_| client_message_id.len() == 36)?;
    parlance_core::id::num_of(uuid).is_none().then(|| uuid.to_string())
}

/// What makes a repeat of this send recognisable.
fn dedup_key(request: &SendMessageRequest) -> Option<String> {
    if !request.client_message_id.is_empty() {
        Some(format!("c:{}", request.client_message_id))
    } else if !request.idempotency_key.is_empty() {
        Some(format!("k:{}", request.idempotency_key))
    } else {
        None
    }
}

type Named = Option<(Num, Option<String>)>;

/// The thread parent: a live top-level message of the channel.
async fn parent_of(
    service: &Service,
    context: &Context,
    channel: Num,
    reference: Option<&MessageRef>,
) -> Result<Named> {
    let Some(reference) = draft::given(reference) else { return Ok(None) };
    messages::find(service.store.read(), context.caller.app, reference)
        .await?
        .filter(|row| row.channel_num == channel && row.parent_num == 0 && row.deleted_at.is_none())
        .map(|row| Some((row.num, row.id)))
        .ok_or_else(|| Error::new(Reason::ParentNotFound, "no such thread parent in this channel"))
}

/// The quoted message: any message of the channel.
async fn quoted_of(
    service: &Service,
    context: &Context,
    channel: Num,
    reference: Option<&MessageRef>,
) -> Result<Named> {
    let Some(reference) = draft::given(reference) else { return Ok(None) };
    messages::find(service.store.read(), context.caller.app, reference)
        .await?
        .filter(|row| row.channel_num == channel)
        .map(|row| Some((row.num, row.id)))
        .ok_or_else(|| Error::new(Reason::MessageNotFound, "no such message to answer in this channel"))
}

/// Members that a text mentions, in order of appearance, without its author. Asks only if the text
/// names anybody.
pub(super) async fn mentioned(
    service: &Service,
    context: &Context,
    author: Num,
    channel: Num,
    text: &str,
    named: &[String],
) -> Result<Vec<Num>> {
    let handles = mentions::handles(text);
    if handles.is_empty() && named.is_empty() {
        return Ok(Vec::new());
    }
    let question =
        ResolveMentionsRequest { channel_num: channel, handles: handles.clone(), user_ids: named.to_vec() };
    let answer =
        service.channel.clone().resolve_mentions(context.as_service().request(question)).await?.into_inner();
    let in_order = handles.iter().flat_map(|handle| {
        answer.matches.iter().filter(move |found| found.handle == *handle).map(|found| found.user_num)
    });
    let mut seen = HashSet::from([author]);
    Ok(in_order.chain(answer.named_nums.iter().copied()).filter(|num| seen.insert(*num)).collect())
}

/// Answers a repeat with the first message.
async fn repeated(
    service: &Service,
    context: &Context,
    request: &SendMessageRequest,
    num: Num,
) -> Result<SendMessageResponse> {
    if request.on_repeat() == OnRepeat::Fail {
        return Err(Error::new(Reason::AlreadyExists, "a message with this id exists"));
    }
    let message = one_as_seen(service, context, num)
        .await?
        .ok_or_else(|| Error::internal("a repeated message is gone"))?;
    Ok(SendMessageResponse { message: Some(message), repeated: true })
}
