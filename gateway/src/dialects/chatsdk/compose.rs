//! Answers that need several services, asked in batches: channels, then message summaries, then
//! users, then presence.

use std::collections::HashMap;
use std::time::Duration;

use parlance_core::{Num, Reason};
use parlance_proto::{auth, channel, message, presence};
use parlance_rpc::Context;
use uuid::Uuid;

use super::auth::User;
use super::blocks;
use super::convert::{self, People, Presence, Surroundings, Time};
use super::error::Failure;
use crate::state::Edge;

/// Members shown beside a channel.
const SHOWN_MEMBERS: u32 = 100;
/// Longest wait for another service to catch up with a change that is already durable.
const CATCH_UP: Duration = Duration::from_secs(5);

/// The users of `nums`.
pub async fn people(edge: &Edge, app: Uuid, nums: impl IntoIterator<Item = Num>) -> Result<People, Failure> {
    let users = edge.directory().users_now(app, nums).await?;
    Ok(People::new(users, edge.settings().chatsdk.expose_user_details))
}

/// The users of `nums` with when they were last active, as far as `user` may see it: not of those of whom one has
/// blocked the other, and of nobody while it is not known who has.
pub async fn people_seen(edge: &Edge, user: &User, nums: &[Num]) -> Result<People, Failure> {
    let (people, blocked) =
        tokio::join!(people(edge, user.app, nums.iter().copied()), blocks::among(edge, user, nums));
    match blocked {
        Ok(blocked) => Ok(people?.active_but(blocked)),
        Err(failure) => {
            tracing::warn!(message = failure.message, "blocks are not known: nobody's activity is shown");
            people
        }
    }
}

/// Messages as `user` sees them, in the same order.
pub async fn messages(
    edge: &Edge,
    user: &User,
    messages: &[message::Message],
) -> Result<Vec<convert::Message>, Failure> {
    let people = people(edge, user.app, messages.iter().flat_map(convert::people_in)).await?;
    Ok(messages.iter().map(|message| convert::message(message, &people, true)).collect())
}

/// One message as `user` sees it; a reply without a message is a fault of ours.
pub async fn message(
    edge: &Edge,
    user: &User,
    message: Option<message::Message>,
) -> Result<convert::Message, Failure> {
    let message = message.ok_or_else(|| parlance_core::Error::internal("a reply lacks its message"))?;
    let people = people(edge, user.app, convert::people_in(&message)).await?;
    Ok(convert::message(&message, &people, true))
}

/// The message that `user` has just written. Its people are those that this gateway knows: no further
/// question on the way of a send.
pub async fn own_message(
    edge: &Edge,
    user: &User,
    message: Option<message::Message>,
) -> Result<convert::Message, Failure> {
    let message = message.ok_or_else(|| parlance_core::Error::internal("a reply lacks its message"))?;
    let users = edge.directory().users(user.app, convert::people_in(&message)).await?;
    let people = People::new(users, edge.settings().chatsdk.expose_user_details);
    Ok(convert::message(&message, &people, true))
}

/// Which channels are shown with their members.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Members {
    /// As in lists: only of direct channels and groups.
    OfSmallTypes,
    /// As in details.
    OfAll,
}

/// Channels as `user` sees them, in the same order: with last message, counts and people.
pub async fn channels(
    edge: &Edge,
    user: &User,
    channels: &[channel::Channel],
    members: Members,
) -> Result<Vec<convert::Channel>, Failure> {
    let context = &user.context;
    let summaries = summaries(edge, context, channels.iter().map(|channel| channel.num).collect()).await?;
    let shown = channels.iter().filter(|channel| shows_members(channel, members));
    let mut lists = first_members(edge, context, shown.map(|channel| channel.num).collect()).await?;

    let named = channels
        .iter()
        .flat_map(convert::people_of)
        .chain(summaries.values().filter_map(|s| s.last_message.as_ref()).flat_map(convert::people_in))
        .chain(lists.values().flatten().map(|member| member.user_num));
    let people = match members {
        Members::OfSmallTypes => people(edge, user.app, named).await?,
        Members::OfAll => people_seen(edge, user, &named.collect::<Vec<_>>()).await?,
    };
    let viewer = Some(user.num);
    let composed = channels.iter().map(|channel| {
        let listed = lists.remove(&channel.num).unwrap_or_default();
        // A list that is shown is there, though empty if the channel has been deleted since.
        let members = shows_members(channel, members)
            .then(|| listed.iter().map(|member| convert::member(member, &people, viewer)).collect());
        let summary = summaries.get(&channel.num);
        let around = Surroundings { summary, viewer, own: true, members, role: None };
        convert::channel(channel, &people, around)
    });
    Ok(composed.collect())
}

/// One channel in full.
pub async fn channel(
    edge: &Edge,
    user: &User,
    channel: Option<channel::Channel>,
) -> Result<convert::Channel, Failure> {
    let lacking = || Failure::from(parlance_core::Error::internal("a reply lacks its channel"));
    let channel = channel.ok_or_else(lacking)?;
    channels(edge, user, &[channel], Members::OfAll).await?.pop().ok_or_else(lacking)
}

fn shows_members(channel: &channel::Channel, members: Members) -> bool {
    match members {
        Members::OfAll => true,
        Members::OfSmallTypes => {
            matches!(channel.r#type.as_str(), "messaging" | "group") && channel.membership.is_some()
        }
    }
}

/// The first members of each of these channels, in one question.
async fn first_members(
    edge: &Edge,
    context: &Context,
    channel_nums: Vec<Num>,
) -> Result<HashMap<Num, Vec<channel::Member>>, Failure> {
    if channel_nums.is_empty() {
        return Ok(HashMap::new());
    }
    let request = channel::ListMembersOfChannelsRequest { channel_nums, limit_each: SHOWN_MEMBERS };
    // The right to read the channels has been checked with the channels themselves.
    let reply = edge.channel().list_members_of_channels(context.as_service().request(request)).await?;
    Ok(reply.into_inner().channels.into_iter().map(|list| (list.channel_num, list.members)).collect())
}

async fn summaries(
    edge: &Edge,
    context: &Context,
    channel_nums: Vec<Num>,
) -> Result<HashMap<Num, message::summarize_channels_response::Summary>, Failure> {
    if channel_nums.is_empty() {
        return Ok(HashMap::new());
    }
    let request = message::SummarizeChannelsRequest { channel_nums };
    let reply = edge.message().summarize_channels(context.request(request)).await?.into_inner();
    Ok(reply.summaries.into_iter().map(|summary| (summary.channel_num, summary)).collect())
}

/// A channel that the user may read: 404 if there is none, 403 if it is not for him.
pub async fn readable_channel(edge: &Edge, user: &User, num: Num) -> Result<channel::Channel, Failure> {
    let request = channel::GetChannelsRequest { nums: vec![num], ..Default::default() };
    let reply = edge.channel().get_channels(user.context.request(request.clone())).await?.into_inner();
    if let Some(channel) = reply.channels.into_iter().find(|channel| channel.num == num) {
        return Ok(channel);
    }
    let all = edge.channel().get_channels(user.context.as_service().request(request)).await?.into_inner();
    match all.channels.iter().any(|channel| channel.num == num) {
        true => Err(parlance_core::Error::new(Reason::NotAMember, "not a member of this channel").into()),
        false => Err(Failure::not_found("channel")),
    }
}

/// The users with these public ids; 404 if one is unknown. Repeated ids are folded.
pub async fn users_of(edge: &Edge, context: &Context, ids: Vec<String>) -> Result<Vec<auth::User>, Failure> {
    let mut ids = ids;
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let request = auth::GetUsersRequest { nums: Vec::new(), ids: ids.clone() };
    let reply = edge.auth().get_users(context.as_service().request(request)).await?.into_inner();
    if reply.users.len() < ids.len() {
        return Err(Failure::not_found("user"));
    }
    Ok(reply.users)
}

/// The user with this public id; `me` is the caller himself.
pub async fn num_of(edge: &Edge, caller: &User, id: String) -> Result<Num, Failure> {
    if id == "me" || id == caller.id {
        return Ok(caller.num);
    }
    let users = users_of(edge, &caller.context, vec![id]).await?;
    users.first().map(|user| user.num).ok_or_else(|| Failure::not_found("user"))
}

/// Who of these is online. Lists do without it while presence is away.
pub async fn presence(edge: &Edge, context: &Context, nums: Vec<Num>) -> HashMap<Num, Presence> {
    asked_presence(edge, context, nums).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "presence is away: everybody is shown as offline");
        HashMap::new()
    })
}

/// As [`presence`], for answers that are about nothing else: fails while presence is away.
pub async fn asked_presence(
    edge: &Edge,
    context: &Context,
    nums: Vec<Num>,
) -> parlance_core::Result<HashMap<Num, Presence>> {
    if nums.is_empty() {
        return Ok(HashMap::new());
    }
    let request = presence::GetPresenceRequest { user_nums: nums };
    let reply = edge.presence().get_presence(context.as_service().request(request)).await?.into_inner();
    Ok(reply.users.iter().map(|user| (user.user_num, presence_of(user))).collect())
}

fn presence_of(user: &presence::UserPresence) -> Presence {
    let last_seen: Option<Time> = convert::time(&user.last_seen);
    Presence { online: user.online, last_seen }
}

/// Waits until message shows what channel has just changed (position of its log; 0 = nothing). The
/// change is durable: should message lag, the answer is given all the same.
pub async fn settle(edge: &Edge, context: &Context, log_position: u64) {
    if log_position == 0 {
        return;
    }
    settle_within(edge, &context.as_service().with_timeout(CATCH_UP), log_position).await;
}

/// The same, until the deadline of `context`.
async fn settle_within(edge: &Edge, context: &Context, log_position: u64) {
    let request = message::AwaitFactsRequest { service: "channel".to_owned(), log_position };
    if let Err(status) = edge.message().await_facts(context.request(request)).await {
        let error = parlance_core::Error::from(status);
        tracing::warn!(%error, log_position, "message has not caught up with channel");
    }
}

/// Waits until channel, and then message, show what auth has just changed (position of its log; 0 =
/// nothing). The change is durable: should one of them lag, the answer is given all the same.
pub async fn settle_accounts(edge: &Edge, context: &Context, log_position: u64) {
    if log_position == 0 {
        return;
    }
    let context = context.as_service().with_timeout(CATCH_UP);
    let request = channel::AwaitFactsRequest { service: "auth".to_owned(), log_position };
    match edge.channel().await_facts(context.request(request)).await {
        // What is left of the time is message's.
        Ok(reply) => settle_within(edge, &context, reply.into_inner().log_position).await,
        Err(status) => {
            let error = parlance_core::Error::from(status);
            tracing::warn!(%error, log_position, "channel has not caught up with auth");
        }
    }
}
