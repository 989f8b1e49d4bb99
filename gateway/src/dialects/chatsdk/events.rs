//! Facts to publications: the JSON text `{"type", "payload"}` (contract, section 6.2), rendered
//! once for all who may see it.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use parlance_core::{Num, id};
use parlance_proto::channel;
use parlance_proto::event::{Event, event::Payload as Fact, stream::Kind as StreamKind};
use parlance_proto::message;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::convert::{self, Card, Channel, Message, People, Surroundings, Time};
use super::workspaces;
use crate::state::Edge;

/// Waits between attempts to learn the names in an event, while auth is away.
const PATIENCE: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(250), Duration::from_millis(1000)];

/// The publication for an event; `None` if this dialect does not show its kind.
///
/// Must be given live events, or log entries with their bodies joined. In `user:` streams channels
/// are named as the stream's user sees them.
pub async fn render(edge: &Edge, event: &Event) -> Option<Bytes> {
    let fact = event.payload.as_ref()?;
    let people = people(edge, event, fact).await;
    publication(event, fact, &people)
}

/// `channel.unread_changed`: the count of one channel.
pub fn unread_changed(channel_num: Num, count: u64) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Payload {
        channel_id: String,
        count: u64,
    }
    text("channel.unread_changed", Payload { channel_id: id::text_of(channel_num), count })
}

/// `channel.total_unread_changed`: the sum over the user's channels.
pub fn total_unread_changed(count: u64) -> Bytes {
    #[derive(Serialize)]
    struct Payload {
        count: u64,
    }
    text("channel.total_unread_changed", Payload { count })
}

/// The names that the event needs. Should auth be away for longer than this waits, the event goes
/// out without them: a late name is a lesser harm than a lost message.
async fn people(edge: &Edge, event: &Event, fact: &Fact) -> People {
    let expose = edge.settings().chatsdk.expose_user_details;
    let nums = named(fact);
    let Ok(app) = Uuid::try_parse(&event.app_id) else { return People::default() };
    let mut waits = PATIENCE.iter();
    loop {
        match (edge.directory().users(app, nums.iter().copied()).await, waits.next()) {
            (Ok(users), _) => return People::new(users, expose),
            (Err(_), Some(&wait)) => tokio::time::sleep(wait).await,
            (Err(error), None) => {
                tracing::error!(%error, "an event goes out without the names in it");
                return People::new(HashMap::new(), expose);
            }
        }
    }
}

/// Nums of everybody whom the publication names.
fn named(fact: &Fact) -> Vec<Num> {
    fn in_message(message: &Option<message::Message>) -> Vec<Num> {
        message.iter().flat_map(convert::people_in).collect()
    }
    fn in_channel(channel: &Option<channel::Channel>) -> Vec<Num> {
        channel.iter().flat_map(convert::people_of).collect()
    }
    match fact {
        Fact::MessageCreated(fact) => in_message(&fact.message),
        Fact::MessageUpdated(fact) => in_message(&fact.message),
        Fact::ThreadReplied(fact) => in_message(&fact.message),
        Fact::ReactionAdded(fact) => vec![fact.user_num],
        Fact::ReactionRemoved(fact) => vec![fact.user_num],
        Fact::ReadMoved(fact) => vec![fact.user_num],
        Fact::ReadReceipt(fact) => vec![fact.user_num],
        Fact::ChannelCreated(fact) => in_channel(&fact.channel),
        Fact::ChannelUpdated(fact) => in_channel(&fact.channel),
        Fact::MemberJoined(fact) => vec![fact.user_num],
        Fact::MemberLeft(fact) => vec![fact.user_num],
        Fact::TypingStarted(fact) => vec![fact.user_num],
        Fact::TypingStopped(fact) => vec![fact.user_num],
        Fact::PresenceChanged(fact) => vec![fact.user_num],
        Fact::WorkspaceCreated(_)
        | Fact::WorkspaceUpdated(_)
        | Fact::WorkspaceDeleted(_)
        | Fact::WorkspaceMemberJoined(_)
        | Fact::WorkspaceMemberLeft(_) => workspaces::events::named(fact),
        Fact::MessageDeleted(_)
        | Fact::ChannelDeleted(_)
        | Fact::UnreadChanged(_)
        | Fact::MemberUpdated(_)
        | Fact::PolicyRaised(_)
        | Fact::UserUpdated(_)
        | Fact::UserDeleted(_)
        | Fact::SessionRevoked(_) => Vec::new(),
    }
}

/// The publication, once everybody in it is known.
fn publication(event: &Event, fact: &Fact, people: &People) -> Option<Bytes> {
    let stream = event.stream.as_ref();
    // Events of a channel's stream carry the channel there, not in the payload.
    let here = stream.filter(|stream| stream.kind() == StreamKind::Chat).map_or(0, |stream| stream.num);
    let viewer = stream.filter(|stream| stream.kind() == StreamKind::User).map(|stream| stream.num);
    Some(match fact {
        Fact::MessageCreated(fact) => text("message.new", MessagePayload::of(fact.message.as_ref()?, people)),
        Fact::MessageUpdated(fact) => {
            text("message.updated", MessagePayload::of(fact.message.as_ref()?, people))
        }
        Fact::ThreadReplied(fact) => {
            let message = convert::message(fact.message.as_ref()?, people, false);
            let (channel_id, parent_id) = (message.channel_id.clone(), message.parent_id.clone());
            text("thread.reply", ReplyPayload { channel_id, parent_id, message })
        }
        Fact::MessageDeleted(fact) => text(
            "message.deleted",
            DeletedPayload {
                channel_id: id::text_of(here),
                message_id: public_id(fact.message_num, &fact.message_id),
                seq: fact.seq,
                parent_id: (fact.parent_num != 0).then(|| public_id(fact.parent_num, &fact.parent_id)),
            },
        ),
        Fact::ReactionAdded(fact) => text(
            "reaction.added",
            ReactionPayload::of(
                here,
                fact.message_num,
                &fact.message_id,
                &fact.r#type,
                fact.user_num,
                people,
            ),
        ),
        Fact::ReactionRemoved(fact) => text(
            "reaction.removed",
            ReactionPayload::of(
                here,
                fact.message_num,
                &fact.message_id,
                &fact.r#type,
                fact.user_num,
                people,
            ),
        ),
        Fact::ReadMoved(fact) => text(
            "read.updated",
            ReadPayload {
                channel_id: id::text_of(here),
                user_id: people.id(fact.user_num),
                last_read_seq: fact.last_read_seq,
            },
        ),
        Fact::ReadReceipt(fact) => {
            let Card { id: user_id, name: user_name, image: user_image } = people.card(fact.user_num);
            text(
                "read_receipt",
                ReceiptPayload {
                    channel_id: id::text_of(here),
                    user_id,
                    user_name,
                    user_image,
                    message_id: public_id(fact.message_num, &fact.message_id),
                    read_at: convert::time(&fact.read_at),
                },
            )
        }
        Fact::ChannelCreated(fact) => {
            let of = fact.channel.as_ref()?;
            let role = viewer.and_then(|viewer| founding_role(of, &fact.member_nums, viewer));
            text("channel.created", ChannelPayload::of(of, people, viewer, role))
        }
        Fact::ChannelUpdated(fact) => {
            text("channel.updated", json!({ "channel": for_all(fact.channel.as_ref()?, people, viewer) }))
        }
        Fact::ChannelDeleted(fact) => {
            text("channel.deleted", ChannelIdPayload { channel_id: id::text_of(fact.channel_num) })
        }
        Fact::MemberJoined(fact) => text(
            "channel.member_joined",
            MemberPayload::of(fact.channel_num, people.card(fact.user_num), fact.member_count),
        ),
        Fact::MemberLeft(fact) => text(
            "channel.member_left",
            MemberPayload::of(fact.channel_num, people.card(fact.user_num), fact.member_count),
        ),
        Fact::TypingStarted(fact) => {
            text("typing.start", TypingPayload::of(fact.channel_num, people.card(fact.user_num)))
        }
        Fact::TypingStopped(fact) => {
            text("typing.stop", TypingPayload::of(fact.channel_num, people.card(fact.user_num)))
        }
        Fact::PresenceChanged(fact) => {
            // Of somebody who is gone by now there is nothing to say.
            let user_id = people.live(fact.user_num)?.id.clone();
            let kind = if fact.online { "presence.online" } else { "presence.offline" };
            text(kind, PresencePayload { user_id, last_seen: convert::time(&fact.last_seen) })
        }
        Fact::WorkspaceCreated(_)
        | Fact::WorkspaceUpdated(_)
        | Fact::WorkspaceDeleted(_)
        | Fact::WorkspaceMemberJoined(_)
        | Fact::WorkspaceMemberLeft(_) => return workspaces::events::publication(fact, people, viewer),
        // Counts are computed by the hub; settings are private; accounts concern gateways alone.
        Fact::UnreadChanged(_)
        | Fact::MemberUpdated(_)
        | Fact::PolicyRaised(_)
        | Fact::UserUpdated(_)
        | Fact::UserDeleted(_)
        | Fact::SessionRevoked(_) => return None,
    })
}

/// The role that a member has when the channel is new: its creator owns it, unless it belongs to two.
fn founding_role(channel: &channel::Channel, members: &[Num], viewer: Num) -> Option<&'static str> {
    if viewer == channel.creator_num && channel.direct_member_nums.is_empty() {
        return Some("owner");
    }
    members.contains(&viewer).then_some("member")
}

pub(super) fn text(kind: &'static str, payload: impl Serialize) -> Bytes {
    #[derive(Serialize)]
    struct Publication<P> {
        #[serde(rename = "type")]
        kind: &'static str,
        payload: P,
    }
    // Plain structs with string keys always serialise; an empty object would be the answer if not.
    serde_json::to_vec(&Publication { kind, payload }).map_or_else(|_| Bytes::from_static(b"{}"), Bytes::from)
}

fn public_id(num: Num, id: &str) -> String {
    if id.is_empty() { id::text_of(num) } else { id.to_owned() }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessagePayload {
    channel_id: String,
    message: Message,
}

impl MessagePayload {
    fn of(message: &message::Message, people: &People) -> Self {
        let message = convert::message(message, people, false);
        Self { channel_id: message.channel_id.clone(), message }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplyPayload {
    channel_id: String,
    parent_id: Option<String>,
    message: Message,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeletedPayload {
    channel_id: String,
    message_id: String,
    seq: u64,
    parent_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReactionPayload {
    channel_id: String,
    message_id: String,
    reaction: ReactionOfOne,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReactionOfOne {
    #[serde(rename = "type")]
    kind: String,
    emoji: String,
    user_id: String,
    #[serde(rename = "user_id")]
    user_id_alias: String,
    user: Card,
}

impl ReactionPayload {
    fn of(channel: Num, message: Num, message_id: &str, kind: &str, user: Num, people: &People) -> Self {
        let user = people.card(user);
        Self {
            channel_id: id::text_of(channel),
            message_id: public_id(message, message_id),
            reaction: ReactionOfOne {
                kind: kind.to_owned(),
                emoji: kind.to_owned(),
                user_id: user.id.clone(),
                user_id_alias: user.id.clone(),
                user,
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadPayload {
    channel_id: String,
    user_id: String,
    last_read_seq: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptPayload {
    channel_id: String,
    user_id: String,
    user_name: String,
    user_image: Option<String>,
    message_id: String,
    read_at: Option<Time>,
}

#[derive(Serialize)]
struct ChannelPayload {
    channel: Channel,
}

impl ChannelPayload {
    fn of(channel: &channel::Channel, people: &People, viewer: Option<Num>, role: Option<&str>) -> Self {
        // The snapshot may come with the membership of whoever caused the event: not for others.
        let mut channel = channel.clone();
        if channel.membership.as_ref().is_some_and(|member| Some(member.user_num) != viewer) {
            channel.membership = None;
        }
        let around = Surroundings { viewer, role, ..Surroundings::default() };
        Self { channel: convert::channel(&channel, people, around) }
    }
}

/// What differs from member to member, or is not part of the snapshot: clients lay the channel of
/// `channel.updated` over the one they hold, which must not lose its own unread count or role.
const NOT_FOR_ALL: [&str; 13] = [
    "unreadCount",
    "lastMessage",
    "messageCount",
    "role",
    "muted",
    "starred",
    "lastReadSeq",
    "idempotencyKey",
    "unread_count",
    "last_message",
    "message_count",
    "last_read_seq",
    "members",
];

fn for_all(channel: &channel::Channel, people: &People, viewer: Option<Num>) -> Value {
    let around = Surroundings { viewer, ..Surroundings::default() };
    let mut value = json!(convert::channel(channel, people, around));
    if let Some(object) = value.as_object_mut() {
        NOT_FOR_ALL.iter().for_each(|key| {
            object.remove(*key);
        });
    }
    value
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChannelIdPayload {
    channel_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MemberPayload {
    channel_id: String,
    user_id: String,
    user: Card,
    member_count: i32,
}

impl MemberPayload {
    fn of(channel: Num, user: Card, member_count: i32) -> Self {
        Self { channel_id: id::text_of(channel), user_id: user.id.clone(), user, member_count }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TypingPayload {
    channel_id: String,
    user_id: String,
    user: Card,
}

impl TypingPayload {
    fn of(channel: Num, user: Card) -> Self {
        Self { channel_id: id::text_of(channel), user_id: user.id.clone(), user }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PresencePayload {
    user_id: String,
    last_seen: Option<Time>,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parlance_proto::auth;
    use parlance_proto::event::{self, Stream};

    use super::*;

    const CHANNEL: Num = 7 << 22;
    const MESSAGE: Num = 4711 << 22;

    fn people() -> People {
        let user = |num, id: &str| {
            (
                num,
                Arc::new(auth::User {
                    num,
                    id: id.to_owned(),
                    name: id.to_uppercase(),
                    ..Default::default()
                }),
            )
        };
        People::new(HashMap::from([user(1, "ann"), user(2, "bob")]), false)
    }

    fn shown(kind: StreamKind, num: Num, fact: Fact) -> Option<Value> {
        let stream = Some(Stream { kind: kind.into(), num });
        let event = Event { stream, payload: Some(fact.clone()), ..Event::default() };
        publication(&event, &fact, &people()).map(|text| serde_json::from_slice(&text).unwrap())
    }

    fn in_chat(fact: Fact) -> Value {
        shown(StreamKind::Chat, CHANNEL, fact).unwrap()
    }

    #[test]
    fn unread_counts_read_exactly_as_the_contract_prints_them() {
        let id = id::text_of(CHANNEL);
        let text =
            format!(r#"{{"type":"channel.unread_changed","payload":{{"channelId":"{id}","count":5}}}}"#);
        assert_eq!(unread_changed(CHANNEL, 5), text);
        assert_eq!(
            total_unread_changed(15),
            r#"{"type":"channel.total_unread_changed","payload":{"count":15}}"#
        );
    }

    #[test]
    fn a_new_message_comes_in_full_and_without_own() {
        let group = message::ReactionGroup {
            r#type: "👍".into(),
            own: true,
            user_nums: vec![2],
            ..Default::default()
        };
        let message = message::Message {
            num: MESSAGE,
            channel_num: CHANNEL,
            author_num: 1,
            text: "hi".into(),
            reactions: vec![group],
            ..Default::default()
        };
        let fact =
            Fact::MessageCreated(event::MessageCreated { message_num: MESSAGE, message: Some(message) });
        let json = in_chat(fact);
        assert_eq!(json["type"], "message.new");
        assert_eq!(json["payload"]["channelId"], id::text_of(CHANNEL));
        let message = &json["payload"]["message"];
        assert_eq!((&message["text"], &message["user"]["name"]), (&json!("hi"), &json!("ANN")));
        assert_eq!(message["reactions"][0]["own"], false);
    }

    #[test]
    fn small_events_of_a_channel_have_the_documented_fields() {
        let (channel, message) = (id::text_of(CHANNEL), id::text_of(MESSAGE));
        let reaction = event::ReactionAdded {
            message_num: MESSAGE,
            r#type: "🎉".into(),
            user_num: 2,
            ..Default::default()
        };
        let deleted = event::MessageDeleted { message_num: MESSAGE, seq: 9, ..Default::default() };
        let read = event::ReadMoved { user_num: 1, last_read_seq: 8, ..Default::default() };
        let typing = event::TypingStarted { channel_num: CHANNEL, user_num: 2 };
        let bob = json!({"id": "bob", "name": "BOB", "image": null});
        for (fact, expected) in [
            (
                Fact::ReactionAdded(reaction),
                json!({"type": "reaction.added", "payload": {"channelId": channel, "messageId": message,
                    "reaction": {"type": "🎉", "emoji": "🎉", "userId": "bob", "user_id": "bob", "user": bob}}}),
            ),
            (
                Fact::MessageDeleted(deleted),
                json!({"type": "message.deleted", "payload":
                    {"channelId": channel, "messageId": message, "seq": 9, "parentId": null}}),
            ),
            (
                Fact::ReadMoved(read),
                json!({"type": "read.updated", "payload":
                    {"channelId": channel, "userId": "ann", "lastReadSeq": 8}}),
            ),
            (
                Fact::TypingStarted(typing),
                json!({"type": "typing.start", "payload": {"channelId": channel, "userId": "bob", "user": bob}}),
            ),
        ] {
            assert_eq!(in_chat(fact), expected);
        }
    }

    fn direct() -> channel::Channel {
        channel::Channel {
            num: CHANNEL,
            creator_num: 1,
            direct_member_nums: vec![1, 2],
            membership: Some(channel::Member { user_num: 1, role: "member".into(), ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn a_direct_channel_is_named_for_its_reader_and_for_nobody_in_common() {
        let created = |viewer| {
            let fact = event::ChannelCreated {
                channel_num: CHANNEL,
                channel: Some(direct()),
                member_nums: vec![1, 2],
                ..Default::default()
            };
            shown(StreamKind::User, viewer, Fact::ChannelCreated(fact)).unwrap()["payload"]["channel"].clone()
        };
        assert_eq!((&created(1)["name"], &created(1)["role"]), (&json!("BOB"), &json!("member")));
        assert_eq!((&created(2)["name"], &created(2)["role"]), (&json!("ANN"), &json!("member")));
        let fact = event::ChannelUpdated { channel_num: CHANNEL, channel: Some(direct()) };
        let updated = in_chat(Fact::ChannelUpdated(fact));
        let channel = updated["payload"]["channel"].as_object().unwrap();
        assert_eq!(channel["name"], Value::Null);
        for private in NOT_FOR_ALL {
            assert!(!channel.contains_key(private), "{private}");
        }
    }

    #[test]
    fn what_concerns_gateways_alone_is_not_shown() {
        for fact in [
            Fact::UserUpdated(event::UserUpdated { user_num: 1 }),
            Fact::PolicyRaised(event::PolicyRaised { channel_num: CHANNEL, user_num: 0 }),
            Fact::UserDeleted(event::UserDeleted { user_num: 1 }),
            Fact::SessionRevoked(event::SessionRevoked::default()),
            Fact::UnreadChanged(event::UnreadChanged::default()),
            Fact::MemberUpdated(event::MemberUpdated::default()),
            Fact::PresenceChanged(event::PresenceChanged { user_num: 99, ..Default::default() }),
        ] {
            assert_eq!(shown(StreamKind::User, 1, fact), None);
        }
    }
}
