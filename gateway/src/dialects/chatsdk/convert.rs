//! Protobuf objects to ChatSDK's JSON shapes (contract, section 2), camelCase and the snake_case
//! aliases side by side.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parlance_core::{Micros, Num, id, json};
use parlance_proto::link_preview::{self, link_preview::Kind as LinkKind};
use parlance_proto::{auth, channel, message};
use prost_types::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::schema::{
    AttachmentType, ChannelType, Custom, Email, Id, LastActive, LinkType, MessageStatus, MessageType, Role,
    Url, UserId,
};

/// Id of the author of what a deleted user left behind.
pub const DELETED_USER: &str = "deleted-user";

/// An instant, printed as ISO 8601 in UTC with milliseconds and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Micros);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.iso_millis())
    }
}

/// An optional instant.
pub fn time(at: &Option<Timestamp>) -> Option<Time> {
    at.as_ref().and_then(Micros::from_timestamp).map(Time)
}

/// An instant that must be shown: the one given, else that at which the object's num was made.
pub fn time_or_made(at: &Option<Timestamp>, num: Num) -> Time {
    time(at).unwrap_or_else(|| Time(Micros::from_millis(id::millis_of(num))))
}

/// One value that stands in two places of an answer.
#[derive(Debug)]
pub struct Shared<T>(pub Arc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (*self.0).serialize(serializer)
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn id_or_null(num: Num, public_id: &str) -> Option<String> {
    match (num, public_id) {
        (0, "") => None,
        (num, "") => Some(id::text_of(num)),
        (_, public_id) => Some(public_id.to_owned()),
    }
}

// ------------------------------------------------------------------------------------------ people

/// The users that an answer speaks of.
#[derive(Default)]
pub struct People {
    users: HashMap<Num, Arc<auth::User>>,
    /// Whether e-mail and custom data of others are shown.
    expose: bool,
    /// Those of whom it is not shown when they were last active. `None` = nobody's is: it was not asked who has
    /// blocked whom.
    hidden: Option<HashSet<Num>>,
}

/// `{id, name, image}`: how people stand beside reactions, receipts and typing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Card {
    #[schema(value_type = UserId)]
    pub id: String,
    pub name: String,
    #[schema(value_type = Option<Url>)]
    pub image: Option<String>,
}

/// How the author stands inside a message, and a member inside `user`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Author {
    #[schema(value_type = UserId)]
    pub id: String,
    pub name: String,
    #[schema(value_type = Option<Url>)]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    pub created_at: Time,
    pub updated_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = LastActive)]
    pub last_active_at: Option<Option<Time>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Custom)]
    pub custom: Option<Map<String, Value>>,
}

impl People {
    pub fn new(users: HashMap<Num, Arc<auth::User>>, expose: bool) -> Self {
        Self { users, expose, hidden: None }
    }

    /// With when they were last active, but for these.
    pub fn active_but(self, hidden: HashSet<Num>) -> Self {
        Self { hidden: Some(hidden), ..self }
    }

    /// The user, unless deleted or unknown.
    pub fn live(&self, num: Num) -> Option<&auth::User> {
        self.users.get(&num).map(|user| &**user).filter(|user| user.deleted_at.is_none())
    }

    pub fn id(&self, num: Num) -> String {
        self.live(num).map_or_else(|| DELETED_USER.to_owned(), |user| user.id.clone())
    }

    pub fn card(&self, num: Num) -> Card {
        match self.live(num) {
            Some(user) => {
                Card { id: user.id.clone(), name: display_name(user), image: non_empty(&user.image) }
            }
            None => Card { id: DELETED_USER.to_owned(), name: "Deleted user".to_owned(), image: None },
        }
    }

    pub fn author(&self, num: Num) -> Author {
        let Card { id, name, image } = self.card(num);
        let known = self.users.get(&num);
        let created_at = time_or_made(&known.and_then(|user| user.created_at), num);
        let updated_at = known.and_then(|user| time(&user.updated_at)).unwrap_or(created_at);
        let live = self.live(num);
        Author {
            id,
            name,
            image,
            deleted: live.is_none(),
            created_at,
            updated_at,
            last_active_at: live.map(|user| time(&user.last_active_at).filter(|_| self.shows_activity(num))),
            custom: live.map(|user| if self.expose { custom(user) } else { Map::new() }),
        }
    }

    fn shows_activity(&self, num: Num) -> bool {
        self.hidden.as_ref().is_some_and(|hidden| !hidden.contains(&num))
    }
}

/// The name, else the id: ChatSDK's schemas want a string.
pub fn display_name(user: &auth::User) -> String {
    if user.name.is_empty() { user.id.clone() } else { user.name.clone() }
}

/// Custom data with the e-mail in it.
pub fn custom(user: &auth::User) -> Map<String, Value> {
    // Auth keeps only what parses; should it not, nothing is shown.
    let mut custom = json::parse_custom(&user.custom).unwrap_or_default();
    if !user.email.is_empty() {
        custom.insert("email".to_owned(), Value::String(user.email.clone()));
    }
    custom
}

/// Online state of a user, as presence tells it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presence {
    pub online: bool,
    pub last_seen: Option<Time>,
}

/// A user; `email` and `custom` are empty for others than himself and the backend.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    #[schema(value_type = UserId)]
    pub id: String,
    pub name: String,
    #[schema(value_type = Option<Url>)]
    pub image: Option<String>,
    #[schema(value_type = Option<Email>)]
    pub email: Option<String>,
    #[schema(value_type = Custom)]
    pub custom: Map<String, Value>,
    pub last_active_at: Option<Time>,
    pub online: bool,
    pub created_at: Time,
    pub updated_at: Time,
}

/// A user; `details` says whether e-mail and custom data are for the reader.
pub fn user(user: &auth::User, presence: Presence, details: bool) -> User {
    let created_at = time_or_made(&user.created_at, user.num);
    User {
        id: user.id.clone(),
        name: display_name(user),
        image: non_empty(&user.image),
        email: details.then(|| non_empty(&user.email)).flatten(),
        custom: if details { custom(user) } else { Map::new() },
        last_active_at: time(&user.last_active_at).max(presence.last_seen),
        online: presence.online,
        created_at,
        updated_at: time(&user.updated_at).unwrap_or(created_at),
    }
}

/// What `PUT /api/users/{userId}` answers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Profile {
    #[schema(value_type = UserId)]
    pub id: String,
    pub name: String,
    #[schema(value_type = Option<Url>)]
    pub image: Option<String>,
    #[schema(value_type = Option<Email>)]
    pub email: Option<String>,
    #[schema(value_type = Custom)]
    pub custom: Map<String, Value>,
}

pub fn profile(user: &auth::User) -> Profile {
    Profile {
        id: user.id.clone(),
        name: display_name(user),
        image: non_empty(&user.image),
        email: non_empty(&user.email),
        custom: custom(user),
    }
}

// ---------------------------------------------------------------------------------------- messages

/// What a link in a message leads to; `imageUrl` and `videoUrl` are other names of `image` and `embedUrl`,
/// and only videos have `videoId` and `embedUrl`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkPreview {
    #[schema(value_type = Url)]
    pub url: String,
    /// The page's title, else its address.
    pub title: String,
    pub description: Option<String>,
    #[schema(value_type = Option<Url>)]
    pub image: Option<String>,
    #[schema(value_type = Option<Url>)]
    pub image_url: Option<String>,
    pub site_name: Option<String>,
    #[serde(rename = "type")]
    #[schema(value_type = LinkType)]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub video_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Url, required = false)]
    pub embed_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Url, required = false)]
    pub video_url: Option<String>,
}

/// A page without a title is named by its address.
fn link_preview(preview: &link_preview::LinkPreview) -> LinkPreview {
    let kind = match preview.kind() {
        LinkKind::Video => "video",
        LinkKind::Article => "article",
        LinkKind::Website | LinkKind::Unspecified => "website",
    };
    let image = non_empty(&preview.image);
    let embed_url = non_empty(&preview.embed_url);
    LinkPreview {
        url: preview.url.clone(),
        title: non_empty(&preview.title).unwrap_or_else(|| preview.url.clone()),
        description: non_empty(&preview.description),
        image_url: image.clone(),
        image,
        site_name: non_empty(&preview.site_name),
        kind,
        video_id: non_empty(&preview.video_id),
        video_url: embed_url.clone(),
        embed_url,
    }
}

/// A message; of a deleted one only its place is left.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    #[schema(value_type = Id)]
    pub id: String,
    #[schema(value_type = Id)]
    pub channel_id: String,
    #[schema(value_type = Id)]
    pub cid: String,
    #[schema(value_type = UserId)]
    pub user_id: String,
    pub text: Option<String>,
    pub seq: u64,
    pub user: Author,
    pub reactions: Vec<Reaction>,
    #[schema(value_type = Vec<UserId>)]
    pub mentions: Vec<String>,
    pub attachments: Vec<Attachment>,
    pub created_at: Time,
    pub updated_at: Time,
    pub link_previews: Vec<LinkPreview>,
    pub pinned: bool,
    pub pinned_at: Option<Time>,
    #[schema(value_type = Option<UserId>)]
    pub pinned_by: Option<String>,
    #[serde(rename = "type")]
    #[schema(value_type = MessageType)]
    pub kind: &'static str,
    pub deleted: bool,
    pub deleted_at: Option<Time>,
    pub edited_at: Option<Time>,
    #[schema(value_type = MessageStatus)]
    pub status: &'static str,
    pub client_msg_id: Option<String>,
    #[schema(value_type = Option<Id>)]
    pub parent_id: Option<String>,
    #[schema(value_type = Option<Id>)]
    pub reply_to_id: Option<String>,
    pub reaction_count: u32,
    pub reply_count: u32,
    pub thread_count: u32,
    #[schema(value_type = Option<Id>)]
    pub poll_id: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub poll: Option<()>,
    /// Set on the answer to a repeated send.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duplicate: Option<bool>,
    #[serde(flatten)]
    pub aliases: MessageAliases,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MessageAliases {
    #[schema(value_type = Id)]
    channel_id: String,
    #[schema(value_type = UserId)]
    user_id: String,
    created_at: Time,
    updated_at: Time,
    deleted_at: Option<Time>,
    edited_at: Option<Time>,
    #[schema(value_type = Option<Id>)]
    parent_id: Option<String>,
    #[schema(value_type = Option<Id>)]
    reply_to_id: Option<String>,
    reply_count: u32,
    reaction_count: u32,
    #[schema(value_type = Option<Id>)]
    poll_id: Option<String>,
    client_msg_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Reaction {
    /// The emoji.
    #[serde(rename = "type")]
    pub kind: String,
    pub count: u32,
    pub own: bool,
    pub users: Vec<Card>,
}

/// A file that goes with a message. Optional fields are left out when unknown: client schemas take no null there.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    #[serde(rename = "type")]
    #[schema(value_type = AttachmentType)]
    pub kind: String,
    #[schema(value_type = Url)]
    pub url: String,
    pub name: String,
    pub size: i64,
    pub mime_type: String,
    pub file_size: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub width: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub height: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duration: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waveform: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Url, required = false)]
    pub thumbnail_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub blurhash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub upload_id: Option<String>,
}

/// Everybody whom the rendering of a message names.
pub fn people_in(message: &message::Message) -> impl Iterator<Item = Num> + '_ {
    [message.author_num]
        .into_iter()
        .chain(message.mention_nums.iter().copied())
        .chain(message.reactions.iter().flat_map(|group| group.user_nums.iter().copied()))
        .chain(message.pin.iter().map(|pin| pin.by_num))
}

/// A message for one reader; without `own` it is the same for all (events).
pub fn message(message: &message::Message, people: &People, own: bool) -> Message {
    let id = id_or_null(message.num, &message.id).unwrap_or_default();
    let channel_id = id::text_of(message.channel_num);
    let deleted_at = time(&message.deleted_at);
    let deleted = deleted_at.is_some();
    let created_at = time_or_made(&message.created_at, message.num);
    let updated_at = time(&message.updated_at).unwrap_or(created_at);
    let edited_at = time(&message.edited_at);
    let parent_id = id_or_null(message.parent_num, &message.parent_id);
    let reply_to_id = id_or_null(message.quoted_num, &message.quoted_id);
    let client_msg_id = non_empty(&message.client_message_id);
    let reactions: Vec<Reaction> = if deleted {
        Vec::new()
    } else {
        message.reactions.iter().map(|g| reaction(g, people, own)).collect()
    };
    let reaction_count = reactions.iter().map(|reaction| reaction.count).sum();
    let pin = message.pin.as_ref().filter(|_| !deleted);
    let mentioned = message.mention_nums.iter().filter_map(|&num| people.live(num));
    let author = people.author(message.author_num);
    Message {
        channel_id: channel_id.clone(),
        cid: channel_id.clone(),
        user_id: author.id.clone(),
        text: (!deleted).then(|| message.text.clone()),
        seq: message.seq,
        mentions: if deleted { Vec::new() } else { mentioned.map(|user| user.id.clone()).collect() },
        attachments: if deleted { Vec::new() } else { message.attachments.iter().map(attachment).collect() },
        created_at,
        updated_at,
        link_previews: if deleted {
            Vec::new()
        } else {
            message.link_previews.iter().map(link_preview).collect()
        },
        pinned: pin.is_some(),
        pinned_at: pin.and_then(|pin| time(&pin.at)),
        pinned_by: pin.map(|pin| people.id(pin.by_num)),
        kind: if deleted { "deleted" } else { "regular" },
        deleted,
        deleted_at,
        edited_at,
        status: "sent",
        client_msg_id: client_msg_id.clone(),
        parent_id: parent_id.clone(),
        reply_to_id: reply_to_id.clone(),
        reaction_count,
        reply_count: message.reply_count,
        thread_count: message.reply_count,
        poll_id: None,
        poll: None,
        duplicate: None,
        aliases: MessageAliases {
            channel_id,
            user_id: author.id.clone(),
            created_at,
            updated_at,
            deleted_at,
            edited_at,
            parent_id,
            reply_to_id,
            reply_count: message.reply_count,
            reaction_count,
            poll_id: None,
            client_msg_id,
        },
        user: author,
        reactions,
        id,
    }
}

fn reaction(group: &message::ReactionGroup, people: &People, own: bool) -> Reaction {
    let newest = group.user_nums.len().saturating_sub(5);
    Reaction {
        kind: group.r#type.clone(),
        count: group.count,
        own: own && group.own,
        users: group.user_nums[newest..].iter().map(|&num| people.card(num)).collect(),
    }
}

fn attachment(from: &message::Attachment) -> Attachment {
    let size = from.size_bytes.max(0);
    Attachment {
        kind: from.r#type.clone(),
        url: from.url.clone(),
        name: non_empty(&from.name).unwrap_or_else(|| name_of_url(&from.url)),
        size,
        mime_type: non_empty(&from.mime_type).unwrap_or_else(|| usual_mime_type(&from.r#type).to_owned()),
        file_size: size,
        title: non_empty(&from.title),
        width: (from.width > 0).then_some(from.width),
        height: (from.height > 0).then_some(from.height),
        duration: (from.duration_s > 0.0).then_some(from.duration_s),
        waveform: from.waveform.clone(),
        thumbnail_url: non_empty(&from.thumbnail_url),
        blurhash: non_empty(&from.blurhash),
        upload_id: non_empty(&from.upload_id),
    }
}

/// The last segment of a URL's path, or `file`.
fn name_of_url(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let after_host = path.split_once("://").map_or(path, |(_, rest)| rest);
    match after_host.rsplit_once('/') {
        Some((_, name)) if !name.is_empty() => name.to_owned(),
        _ => "file".to_owned(),
    }
}

fn usual_mime_type(kind: &str) -> &'static str {
    match kind {
        "image" => "image/jpeg",
        "video" => "video/mp4",
        "audio" | "voicenote" => "audio/mpeg",
        "giphy" => "image/gif",
        _ => "application/octet-stream",
    }
}

// ---------------------------------------------------------------------------------------- channels

/// What a channel looks like from outside itself: its messages, members, and who asks.
#[derive(Default)]
pub struct Surroundings<'a> {
    pub summary: Option<&'a message::summarize_channels_response::Summary>,
    /// Who reads; names a direct channel after the other one.
    pub viewer: Option<Num>,
    /// Whether the reader's own reactions are marked.
    pub own: bool,
    /// Listed members, if the shape has them.
    pub members: Option<Vec<Member>>,
    /// Role to show if the channel does not come with a membership.
    pub role: Option<&'a str>,
}

/// A channel, as the caller sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    #[schema(value_type = Id)]
    pub id: String,
    pub cid: String,
    pub name: Option<String>,
    #[schema(value_type = Option<Url>)]
    pub image: Option<String>,
    #[serde(rename = "type")]
    #[schema(value_type = ChannelType)]
    pub kind: String,
    pub member_count: i32,
    pub unread_count: u64,
    #[schema(value_type = Option<Message>)]
    pub last_message: Option<Shared<Message>>,
    pub created_at: Time,
    pub description: Option<String>,
    pub message_count: u64,
    pub last_message_at: Option<Time>,
    #[schema(value_type = UserId)]
    pub created_by: String,
    pub updated_at: Time,
    #[schema(value_type = Option<Id>)]
    pub workspace_id: Option<String>,
    pub config: Config,
    #[schema(value_type = Option<Role>)]
    pub role: Option<String>,
    pub muted: bool,
    pub starred: bool,
    pub last_read_seq: u64,
    pub idempotency_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub members: Option<Vec<Member>>,
    #[serde(flatten)]
    pub aliases: ChannelAliases,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChannelAliases {
    unread_count: u64,
    member_count: i32,
    message_count: u64,
    last_message_at: Option<Time>,
    #[schema(value_type = Option<Message>)]
    last_message: Option<Shared<Message>>,
    created_at: Time,
    updated_at: Time,
    #[schema(value_type = UserId)]
    created_by: String,
    #[schema(value_type = Option<Id>)]
    workspace_id: Option<String>,
    #[schema(value_type = Option<Url>)]
    image_url: Option<String>,
    last_read_seq: u64,
}

#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    pub typing_events: bool,
    pub read_events: bool,
    pub reactions: bool,
    pub replies: bool,
    pub private: bool,
}

/// A member: both upstream shapes in one, the person flat and under `user`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    #[schema(value_type = UserId)]
    pub id: String,
    pub name: String,
    #[schema(value_type = Option<Url>)]
    pub image: Option<String>,
    #[schema(value_type = Option<Email>)]
    pub email: Option<String>,
    #[schema(value_type = Custom)]
    pub custom: Map<String, Value>,
    #[schema(value_type = UserId)]
    pub user_id: String,
    #[schema(value_type = Role)]
    pub role: String,
    pub joined_at: Option<Time>,
    pub user: Author,
}

/// Everybody whom the rendering of a channel names, members aside.
pub fn people_of(channel: &channel::Channel) -> impl Iterator<Item = Num> + '_ {
    [channel.creator_num].into_iter().chain(channel.direct_member_nums.iter().copied())
}

pub fn channel(channel: &channel::Channel, people: &People, around: Surroundings<'_>) -> Channel {
    let membership = channel.membership.as_ref();
    let role = membership.map(|member| member.role.as_str()).or(around.role);
    let last_message = around
        .summary
        .and_then(|summary| summary.last_message.as_ref())
        .map(|last| Shared(Arc::new(message(last, people, around.own))));
    let (unread_count, last_read_seq) = match (membership, around.summary) {
        (Some(_), Some(summary)) => (summary.unread, summary.last_read_seq),
        (Some(member), None) => (0, member.joined_seq),
        (None, _) => (0, 0),
    };
    let message_count = around.summary.map_or(0, |summary| summary.message_count);
    let created_at = time_or_made(&channel.created_at, channel.num);
    let updated_at = time(&channel.updated_at).unwrap_or(created_at);
    let last_message_at =
        time(&channel.last_message_at).or_else(|| last_message.as_ref().map(|message| message.0.created_at));
    let created_by = people.id(channel.creator_num);
    let image = non_empty(&channel.image).or_else(|| other_of_two(channel, people, around.viewer)?.image);
    let name = non_empty(&channel.name)
        .or_else(|| other_of_two(channel, people, around.viewer).map(|other| other.name));
    let workspace_id = (channel.workspace_num != 0).then(|| id::text_of(channel.workspace_num));
    let own_creation = around.viewer == Some(channel.creator_num);
    Channel {
        id: id::text_of(channel.num),
        cid: channel.cid.clone(),
        name,
        image: image.clone(),
        kind: channel.r#type.clone(),
        member_count: channel.member_count,
        unread_count,
        last_message: last_message.clone(),
        created_at,
        description: non_empty(&channel.description),
        message_count,
        last_message_at,
        created_by: created_by.clone(),
        updated_at,
        workspace_id: workspace_id.clone(),
        config: channel.config.as_ref().map(config).unwrap_or_default(),
        role: role.map(str::to_owned),
        muted: membership.is_some_and(|member| member.muted),
        starred: membership.is_some_and(|member| member.starred),
        last_read_seq,
        idempotency_key: own_creation.then(|| non_empty(&channel.idempotency_key)).flatten(),
        members: around.members,
        aliases: ChannelAliases {
            unread_count,
            member_count: channel.member_count,
            message_count,
            last_message_at,
            last_message,
            created_at,
            updated_at,
            created_by,
            workspace_id,
            image_url: image,
            last_read_seq,
        },
    }
}

/// In a direct channel the one who is not the viewer.
fn other_of_two(channel: &channel::Channel, people: &People, viewer: Option<Num>) -> Option<Card> {
    let viewer = viewer?;
    channel.direct_member_nums.iter().find(|&&num| num != viewer).map(|&num| people.card(num))
}

fn config(from: &channel::ChannelConfig) -> Config {
    Config {
        typing_events: from.typing_events,
        read_events: from.read_events,
        reactions: from.reactions,
        replies: from.replies,
        private: from.private,
    }
}

/// A member as `viewer` sees him.
pub fn member(member: &channel::Member, people: &People, viewer: Option<Num>) -> Member {
    let user = people.author(member.user_num);
    let details = people.expose || viewer == Some(member.user_num);
    let shown = people.live(member.user_num).filter(|_| details);
    Member {
        id: user.id.clone(),
        name: user.name.clone(),
        image: user.image.clone(),
        email: shown.and_then(|user| non_empty(&user.email)),
        custom: shown.map(custom).unwrap_or_default(),
        user_id: user.id.clone(),
        role: member.role.clone(),
        joined_at: time(&member.joined_at),
        user,
    }
}

#[cfg(test)]
mod tests;
