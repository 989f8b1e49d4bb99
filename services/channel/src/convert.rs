//! Protobuf to rows and rules, and back.

use parlance_core::{Error, Micros, Num, Result, id};
use parlance_proto::channel::{
    Action as WireAction, Channel, ChannelConfig, ChannelConfigOverrides, Member, Workspace, WorkspaceMember,
};

use crate::domain::{Action, ChannelType, Config, Decision, Overrides, Role, Situation, WorkspaceRole};
use crate::store::{channel, member, workspace, workspace_member};

/// The public id of a channel.
pub fn channel_id(row: &channel::Model) -> String {
    row.id.clone().unwrap_or_else(|| id::text_of(row.num))
}

/// A channel without anybody's membership. `viewer` sees the idempotency key if he made it.
pub fn channel(row: &channel::Model, of: &ChannelType, viewer: Option<Num>) -> Channel {
    Channel {
        num: row.num,
        id: channel_id(row),
        app_id: row.app.to_string(),
        r#type: row.type_name.clone(),
        cid: row.cid.clone(),
        name: row.name.clone(),
        description: row.description.clone(),
        image: row.image.clone(),
        creator_num: row.creator_num,
        workspace_num: row.workspace_num.unwrap_or(0),
        config: Some(wire_config(of.config(overrides_of(row)))),
        frozen: row.frozen,
        member_count: row.member_count,
        last_seq: row.last_seq as u64,
        last_message_at: (row.last_message_at != 0).then(|| Micros(row.last_message_at).timestamp()),
        created_at: Some(Micros(row.created_at).timestamp()),
        updated_at: Some(Micros(row.updated_at).timestamp()),
        deleted_at: row.deleted_at.map(|at| Micros(at).timestamp()),
        custom: row.custom.clone(),
        policy_version: row.policy_version,
        idempotency_key: row
            .idempotency_key
            .clone()
            .filter(|_| viewer == Some(row.creator_num))
            .unwrap_or_default(),
        direct_member_nums: row.distinct_key.as_deref().map(pair_of_key).unwrap_or_default(),
        discoverable: row.discoverable,
        open_in_workspace: row.open_in_workspace,
        membership: None,
    }
}

/// A channel as its viewer sees it.
pub fn channel_with(
    row: &channel::Model,
    of: &ChannelType,
    viewer: Num,
    membership: Option<&member::Model>,
    now: Micros,
) -> Channel {
    Channel { membership: membership.map(|row| member(row, now)), ..channel(row, of, Some(viewer)) }
}

pub fn member(row: &member::Model, now: Micros) -> Member {
    Member {
        channel_num: row.channel_num,
        user_num: row.user_num,
        role: row.role.clone(),
        joined_at: Some(Micros(row.joined_at).timestamp()),
        joined_seq: row.joined_seq as u64,
        muted: is_muted(row, now),
        starred: row.starred,
    }
}

pub fn is_muted(row: &member::Model, now: Micros) -> bool {
    row.muted_until.is_some_and(|until| until > now.0)
}

/// The action that a question of another service means.
pub fn action(wire: i32) -> Result<Action> {
    match WireAction::try_from(wire) {
        Ok(WireAction::Read) => Ok(Action::Read),
        Ok(WireAction::Send) => Ok(Action::Send),
        Ok(WireAction::React) => Ok(Action::React),
        Ok(WireAction::Type) => Ok(Action::Type),
        Ok(WireAction::MarkRead) => Ok(Action::MarkRead),
        Ok(WireAction::Pin) => Ok(Action::Pin),
        Ok(WireAction::Unspecified) | Err(_) => Err(Error::invalid("action", "is unknown")),
    }
}

/// `(allowed, reason)` as they travel, for somebody who does not join now.
pub fn decision(decision: Decision) -> (bool, String) {
    match decision {
        Decision::Allowed => (true, String::new()),
        Decision::AllowedByJoining => (false, parlance_core::Reason::NotAMember.to_string()),
        Decision::Refused(reason) => (false, reason.to_string()),
    }
}

pub fn overrides(wire: Option<ChannelConfigOverrides>) -> Overrides {
    let wire = wire.unwrap_or_default();
    Overrides {
        typing_events: wire.typing_events,
        read_events: wire.read_events,
        reactions: wire.reactions,
        replies: wire.replies,
        private: wire.private,
    }
}

/// The overrides kept in a row. Only this service writes them; what it cannot read counts as none.
pub fn overrides_of(row: &channel::Model) -> Overrides {
    serde_json::from_str(&row.config).unwrap_or_default()
}

pub fn overrides_text(overrides: Overrides) -> Result<String> {
    serde_json::to_string(&overrides).map_err(Error::internal)
}

fn wire_config(config: Config) -> ChannelConfig {
    ChannelConfig {
        typing_events: config.typing_events,
        read_events: config.read_events,
        reactions: config.reactions,
        replies: config.replies,
        private: config.private,
    }
}

/// The role kept in a row.
pub fn role_of(row: &member::Model) -> Result<Role> {
    Role::parse(&row.role).map_err(|_| Error::internal("a member has an unknown role"))
}

/// The workspace role kept in a row.
pub fn workspace_role_of(row: &workspace_member::Model) -> Result<WorkspaceRole> {
    WorkspaceRole::parse(&row.role)
        .map_err(|_| Error::internal("a member of a workspace has an unknown role"))
}

pub fn workspace_member(row: &workspace_member::Model) -> WorkspaceMember {
    WorkspaceMember {
        workspace_num: row.workspace_num,
        user_num: row.user_num,
        role: row.role.clone(),
        joined_at: Some(Micros(row.joined_at).timestamp()),
    }
}

/// A workspace without anybody's membership. `viewer` sees the idempotency key if he made it.
pub fn workspace(row: &workspace::Model, members: i32, channels: i32, viewer: Option<Num>) -> Workspace {
    Workspace {
        num: row.num,
        id: id::text_of(row.num),
        app_id: row.app.to_string(),
        name: row.name.clone(),
        r#type: row.type_name.clone(),
        image: row.image.clone(),
        config: row.config.clone(),
        creator_num: row.creator_num,
        member_count: members,
        channel_count: channels,
        created_at: Some(Micros(row.created_at).timestamp()),
        updated_at: Some(Micros(row.updated_at).timestamp()),
        expires_at: row.expires_at.map(|at| Micros(at).timestamp()),
        idempotency_key: row
            .idempotency_key
            .clone()
            .filter(|_| viewer == Some(row.creator_num))
            .unwrap_or_default(),
        membership: None,
        is_default: false,
    }
}

/// What a decision about somebody in a channel depends on: whether it is `open` to him, and whether it is
/// the direct channel of two of whom one has `blocked` the other.
pub fn situation<'a>(
    row: &channel::Model,
    of: &'a ChannelType,
    membership: Option<&member::Model>,
    open: bool,
    blocked: bool,
) -> Result<Situation<'a>> {
    Ok(Situation {
        channel_type: of,
        config: of.config(overrides_of(row)),
        frozen: row.frozen,
        open,
        blocked,
        role: membership.map(role_of).transpose()?,
    })
}

/// The key of the one direct channel of a pair: both nums in rising order.
pub fn pair_key(one: Num, other: Num) -> String {
    format!("{}:{}", one.min(other), one.max(other))
}

/// The two members of a direct channel.
pub fn pair_of(row: &channel::Model) -> Option<(Num, Num)> {
    match *pair_of_key(row.distinct_key.as_deref()?) {
        [one, other] => Some((one, other)),
        _ => None,
    }
}

fn pair_of_key(key: &str) -> Vec<Num> {
    key.split(':').filter_map(|num| num.parse().ok()).collect()
}
