//! What the other services say of a batch, in a few questions for all of it.

use std::collections::{BTreeSet, HashMap, HashSet};

use parlance_core::{Caller, Num, Result};
use parlance_proto::auth::{GetUsersRequest, User};
use parlance_proto::channel::{Channel, GetChannelsRequest};
use parlance_proto::message::{GetMessagesRequest, GetUnreadRequest, Message, MessageRef, message_ref::Ref};
use parlance_proto::presence::GetPresenceRequest;
use parlance_rpc::Context;
use uuid::Uuid;

use super::blocks;
use crate::domain::decide::{Standing, messages_of};
use crate::domain::event::Kind;
use crate::service::Service;
use crate::store::pending::Pending;

/// Messages of one question: the longest have about 220 KB, and an answer may have 16 MiB.
const MESSAGES: usize = 64;
const _: () = assert!(MESSAGES * 220 * 1024 < 16 * 1024 * 1024);

/// Those of some users who are looking: with a realtime connection open; nobody if that does not matter.
/// (Recent activity over REST alone is no reason to tell nothing.)
pub async fn online(service: &Service, app: Uuid, users: Vec<Num>) -> Result<HashSet<Num>> {
    if !service.settings.skip_online || users.is_empty() {
        return Ok(HashSet::new());
    }
    let request = Context::new(Caller::service(app)).request(GetPresenceRequest { user_nums: users });
    let answer = service.presence.clone().get_presence(request).await?.into_inner();
    Ok(answer.users.into_iter().filter(|user| user.connected).map(|user| user.user_num).collect())
}

/// What is known of a batch.
pub struct Seen {
    pub channels: HashMap<Num, Channel>,
    pub messages: HashMap<Num, Message>,
    /// Pairs (recipient, other) with a block between them.
    pub blocked: HashSet<(Num, Num)>,
    users: HashMap<Num, User>,
    standings: HashMap<(Num, Num), Standing>,
    totals: HashMap<Num, u64>,
}

impl Seen {
    /// A user whose account is there.
    pub fn user(&self, num: Num) -> Option<&User> {
        self.users.get(&num).filter(|user| user.deleted_at.is_none())
    }

    /// What a user is called; empty = there is nobody.
    pub fn name(&self, num: Num) -> String {
        match self.users.get(&num) {
            Some(user) if user.deleted_at.is_some() => "Deleted user".to_owned(),
            Some(user) if user.name.is_empty() => user.id.clone(),
            Some(user) => user.name.clone(),
            None => String::new(),
        }
    }

    /// The recipient's place in a channel that is still there.
    pub fn standing(&self, row: &Pending) -> Option<Standing> {
        self.channels.get(&row.channel_num)?;
        self.standings.get(&(row.user_num, row.channel_num)).copied()
    }

    /// For the badge.
    pub fn unread_total(&self, user: Num) -> u32 {
        self.totals.get(&user).copied().unwrap_or(0).try_into().unwrap_or(u32::MAX)
    }
}

/// Asks about rows of which their recipients want something.
pub async fn around(service: &Service, app: Uuid, rows: &[(Pending, Vec<Kind>)]) -> Result<Seen> {
    let context = Context::new(Caller::service(app));
    let recipients: BTreeSet<Num> = rows.iter().map(|(row, _)| row.user_num).collect();
    let places: BTreeSet<Num> = rows.iter().map(|(row, _)| row.channel_num).collect();
    let wanted: BTreeSet<Num> = rows.iter().flat_map(|(row, wanted)| messages_of(row, wanted)).collect();
    let (unread, channels, messages) = tokio::try_join!(
        unread(service, &context, recipients.iter().copied().collect()),
        channels(service, &context, places.into_iter().collect()),
        messages(service, &context, wanted.into_iter().collect()),
    )?;

    // Who did it is known now.
    let pairs: HashSet<(Num, Num)> = rows
        .iter()
        .flat_map(|(row, wanted)| {
            let authors = messages_of(row, wanted).filter_map(|num| messages.get(&num)).map(|m| m.author_num);
            let actors = authors.chain([row.reaction_by, row.invited_by]);
            actors.filter(|actor| *actor > 0 && *actor != row.user_num).map(|actor| (row.user_num, actor))
        })
        .collect();
    let people: BTreeSet<Num> = recipients.into_iter().chain(pairs.iter().map(|(_, actor)| *actor)).collect();
    let (users, blocked) = tokio::try_join!(
        users(service, &context, people.into_iter().collect()),
        blocks::blocked(service, &context, pairs),
    )?;
    let (standings, totals) = unread;
    Ok(Seen { channels, messages, blocked, users, standings, totals })
}

type Unread = (HashMap<(Num, Num), Standing>, HashMap<Num, u64>);

/// Places of users in their channels, and how much they have not read altogether.
async fn unread(service: &Service, context: &Context, users: Vec<Num>) -> Result<Unread> {
    let request = context.request(GetUnreadRequest { user_nums: users });
    let answer = service.message.clone().get_unread(request).await?.into_inner();
    let (mut standings, mut totals) = (HashMap::new(), HashMap::new());
    for user in answer.users {
        totals.insert(user.user_num, user.channels.iter().map(|channel| channel.unread).sum());
        for channel in user.channels {
            let standing = Standing {
                unread: channel.unread,
                last_read_seq: channel.last_read_seq,
                muted: channel.muted,
            };
            standings.insert((user.user_num, channel.channel_num), standing);
        }
    }
    Ok((standings, totals))
}

async fn channels(service: &Service, context: &Context, nums: Vec<Num>) -> Result<HashMap<Num, Channel>> {
    let request = context.request(GetChannelsRequest { nums, include_deleted: false });
    let answer = service.channel.clone().get_channels(request).await?.into_inner();
    Ok(answer.channels.into_iter().map(|channel| (channel.num, channel)).collect())
}

async fn messages(service: &Service, context: &Context, nums: Vec<Num>) -> Result<HashMap<Num, Message>> {
    let mut found = HashMap::new();
    for nums in nums.chunks(MESSAGES) {
        let messages = nums.iter().map(|num| MessageRef { r#ref: Some(Ref::Num(*num)) }).collect();
        let request = context.request(GetMessagesRequest { messages, channel_num: 0 });
        let answer = service.message.clone().get_messages(request).await?.into_inner();
        found.extend(answer.messages.into_iter().map(|message| (message.num, message)));
    }
    Ok(found)
}

async fn users(service: &Service, context: &Context, nums: Vec<Num>) -> Result<HashMap<Num, User>> {
    let request = context.request(GetUsersRequest { nums, ids: Vec::new() });
    let answer = service.auth.clone().get_users(request).await?.into_inner();
    Ok(answer.users.into_iter().map(|user| (user.num, user)).collect())
}
