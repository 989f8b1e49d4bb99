//! Facts as they stand in the log.

use parlance_core::{Micros, Num};
use parlance_proto::event::event::Payload;
use parlance_proto::event::{
    ChannelCreated, ChannelDeleted, ChannelUpdated, Event, MemberJoined, MemberLeft, MemberUpdated, Stream,
    stream::Kind,
};
use parlance_rpc::Context;
use uuid::Uuid;

use crate::convert;
use crate::domain::ChannelType;
use crate::store::{channel, member};

/// Collects the facts of one change, to be stated in its transaction.
pub struct Facts<'a> {
    context: &'a Context,
    now: Micros,
    events: Vec<Event>,
}

impl<'a> Facts<'a> {
    pub fn new(context: &'a Context, now: Micros) -> Self {
        Self { context, now, events: Vec::new() }
    }

    pub fn into_events(self) -> Vec<Event> {
        self.events
    }

    pub fn channel_created(&mut self, channel: &channel::Model, of: &ChannelType, member_nums: Vec<Num>) {
        let payload = ChannelCreated {
            channel_num: channel.num,
            channel: Some(convert::channel(channel, of, None)),
            member_nums,
            discoverable: channel.discoverable,
        };
        self.push(channel, Payload::ChannelCreated(payload));
    }

    pub fn channel_updated(&mut self, channel: &channel::Model, of: &ChannelType) {
        let snapshot = convert::channel(channel, of, None);
        let payload = ChannelUpdated { channel_num: channel.num, channel: Some(snapshot) };
        self.push(channel, Payload::ChannelUpdated(payload));
    }

    pub fn channel_deleted(&mut self, channel: &channel::Model, member_nums: Vec<Num>) {
        let payload =
            ChannelDeleted { channel_num: channel.num, member_nums, discoverable: channel.discoverable };
        self.push(channel, Payload::ChannelDeleted(payload));
    }

    pub fn member_joined(&mut self, channel: &channel::Model, member: &member::Model) {
        let payload = MemberJoined {
            channel_num: channel.num,
            user_num: member.user_num,
            role: member.role.clone(),
            member_count: channel.member_count,
            joined_seq: member.joined_seq as u64,
        };
        self.push(channel, Payload::MemberJoined(payload));
    }

    pub fn member_left(&mut self, channel: &channel::Model, user_num: Num, removed: bool) {
        let payload =
            MemberLeft { channel_num: channel.num, user_num, member_count: channel.member_count, removed };
        self.push(channel, Payload::MemberLeft(payload));
    }

    pub fn member_updated(&mut self, channel: &channel::Model, member: &member::Model) {
        let payload = MemberUpdated {
            channel_num: channel.num,
            user_num: member.user_num,
            role: member.role.clone(),
            muted: convert::is_muted(member, self.now),
            starred: member.starred,
        };
        self.push(channel, Payload::MemberUpdated(payload));
    }

    fn push(&mut self, channel: &channel::Model, payload: Payload) {
        self.events.push(Event {
            id: Uuid::now_v7().to_string(),
            app_id: channel.app.to_string(),
            stream: Some(Stream { kind: Kind::Chat.into(), num: channel.num }),
            actor_num: self.context.caller.user_num().unwrap_or(0),
            occurred_at: Some(self.now.timestamp()),
            origin: "channel".to_owned(),
            trace: self.context.trace.clone(),
            policy_version: channel.policy_version,
            payload: Some(payload),
            ..Event::default()
        });
    }
}
