//! Facts as they stand in the log.

use parlance_core::{Micros, Num};
use parlance_proto::channel::Workspace;
use parlance_proto::event::event::Payload;
use parlance_proto::event::{
    ChannelCreated, ChannelDeleted, ChannelUpdated, Event, MemberJoined, MemberLeft, MemberUpdated,
    PolicyRaised, Stream, WorkspaceCreated, WorkspaceDeleted, WorkspaceMemberJoined, WorkspaceMemberLeft,
    WorkspaceUpdated, stream::Kind,
};
use parlance_rpc::Context;
use uuid::Uuid;

use crate::convert;
use crate::domain::ChannelType;
use crate::store::{channel, member, workspace, workspace_member};

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

    /// `announced` are others who may see it.
    pub fn channel_created(
        &mut self,
        channel: &channel::Model,
        of: &ChannelType,
        member_nums: Vec<Num>,
        announced: Vec<Num>,
    ) {
        let announced_nums = announced.into_iter().filter(|num| !member_nums.contains(num)).collect();
        let payload = ChannelCreated {
            channel_num: channel.num,
            channel: Some(convert::channel(channel, of, None)),
            member_nums,
            discoverable: channel.discoverable,
            announced_nums,
        };
        self.push(channel, Payload::ChannelCreated(payload));
    }

    pub fn channel_updated(&mut self, channel: &channel::Model, of: &ChannelType) {
        let snapshot = convert::channel(channel, of, None);
        let payload = ChannelUpdated { channel_num: channel.num, channel: Some(snapshot) };
        self.push(channel, Payload::ChannelUpdated(payload));
    }

    /// `announced` are others who could see it.
    pub fn channel_deleted(&mut self, channel: &channel::Model, member_nums: Vec<Num>, announced: Vec<Num>) {
        let announced_nums = announced.into_iter().filter(|num| !member_nums.contains(num)).collect();
        let payload = ChannelDeleted {
            channel_num: channel.num,
            member_nums,
            discoverable: channel.discoverable,
            announced_nums,
        };
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

    /// The channel's policy version, raised before, has taken a right from somebody who stays.
    /// `user_num`: who has lost a right; 0 = anybody may have.
    pub fn policy_raised(&mut self, channel: &channel::Model, user_num: Num) {
        let payload = PolicyRaised { channel_num: channel.num, user_num };
        self.push(channel, Payload::PolicyRaised(payload));
    }

    pub fn workspace_created(&mut self, row: &workspace::Model, shown: Workspace, told_nums: Vec<Num>) {
        let workspace = Some(shown);
        let payload = WorkspaceCreated { workspace_num: row.num, workspace, told_nums };
        self.push_of_workspace(row, Payload::WorkspaceCreated(payload));
    }

    pub fn workspace_updated(&mut self, row: &workspace::Model, shown: Workspace, told_nums: Vec<Num>) {
        let workspace = Some(shown);
        let payload = WorkspaceUpdated { workspace_num: row.num, workspace, told_nums };
        self.push_of_workspace(row, Payload::WorkspaceUpdated(payload));
    }

    pub fn workspace_deleted(&mut self, row: &workspace::Model, told_nums: Vec<Num>) {
        let payload = WorkspaceDeleted { workspace_num: row.num, told_nums };
        self.push_of_workspace(row, Payload::WorkspaceDeleted(payload));
    }

    pub fn workspace_member_joined(
        &mut self,
        row: &workspace::Model,
        member: &workspace_member::Model,
        member_count: i32,
        told_nums: Vec<Num>,
    ) {
        let payload = WorkspaceMemberJoined {
            workspace_num: row.num,
            user_num: member.user_num,
            role: member.role.clone(),
            member_count,
            told_nums,
        };
        self.push_of_workspace(row, Payload::WorkspaceMemberJoined(payload));
    }

    pub fn workspace_member_left(
        &mut self,
        row: &workspace::Model,
        user_num: Num,
        member_count: i32,
        removed: bool,
        told_nums: Vec<Num>,
    ) {
        let payload =
            WorkspaceMemberLeft { workspace_num: row.num, user_num, member_count, removed, told_nums };
        self.push_of_workspace(row, Payload::WorkspaceMemberLeft(payload));
    }

    fn push(&mut self, channel: &channel::Model, payload: Payload) {
        let event = self.event(channel.app, Kind::Chat, channel.num, payload);
        self.events.push(Event { policy_version: channel.policy_version, ..event });
    }

    fn push_of_workspace(&mut self, workspace: &workspace::Model, payload: Payload) {
        let event = self.event(workspace.app, Kind::Workspace, workspace.num, payload);
        self.events.push(event);
    }

    fn event(&self, app: Uuid, kind: Kind, num: Num, payload: Payload) -> Event {
        Event {
            id: Uuid::now_v7().to_string(),
            app_id: app.to_string(),
            stream: Some(Stream { kind: kind.into(), num }),
            actor_num: self.context.caller.user_num().unwrap_or(0),
            occurred_at: Some(self.now.timestamp()),
            origin: "channel".to_owned(),
            trace: self.context.trace.clone(),
            payload: Some(payload),
            ..Event::default()
        }
    }
}
