use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Action, Role};

/// A kind of channel: a row of the app, never an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelType {
    pub name: String,
    pub features: Features,
    /// Actions of each role; a role without an entry may do nothing.
    pub grants: BTreeMap<Role, BTreeSet<Action>>,
    pub readers: Readers,
    pub joiners: Joiners,
    /// Exactly two members, fixed for good; one channel per pair.
    pub direct: bool,
}

/// Who may read without being a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    Members,
    /// Members of the channel's workspace; without a workspace, as `Members`.
    Workspace,
    App,
}

/// Who may become a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joiners {
    Invited,
    Anyone,
}

/// Switches of a type, and rules that hang on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    #[serde(flatten)]
    pub config: Config,
    /// Whether `config.replies` lets plain members send.
    #[serde(default)]
    pub replies_open_sending: bool,
}

/// The switches that hold in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    pub typing_events: bool,
    pub read_events: bool,
    pub reactions: bool,
    pub replies: bool,
    /// Not readable and not open to join without an invitation, whatever the type says.
    pub private: bool,
}

/// A channel's own values of single switches; absent = as the type says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typing_events: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_events: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reactions: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replies: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private: Option<bool>,
}

impl Overrides {
    /// These overrides with `change` laid over them.
    pub fn merged(self, change: Overrides) -> Self {
        Self {
            typing_events: change.typing_events.or(self.typing_events),
            read_events: change.read_events.or(self.read_events),
            reactions: change.reactions.or(self.reactions),
            replies: change.replies.or(self.replies),
            private: change.private.or(self.private),
        }
    }
}

impl ChannelType {
    /// The switches of a channel of this type.
    pub fn config(&self, overrides: Overrides) -> Config {
        let base = self.features.config;
        Config {
            typing_events: overrides.typing_events.unwrap_or(base.typing_events),
            read_events: overrides.read_events.unwrap_or(base.read_events),
            reactions: overrides.reactions.unwrap_or(base.reactions),
            replies: overrides.replies.unwrap_or(base.replies),
            private: overrides.private.unwrap_or(base.private),
        }
    }

    /// Whether everybody of the app may read a channel with these switches, and may join it.
    pub fn discoverable(&self, config: Config) -> bool {
        self.readers == Readers::App && self.joiners == Joiners::Anyone && !config.private
    }

    /// Whether every member of its workspace may read a channel with these switches, and may join it.
    pub fn open_in_workspace(&self, config: Config) -> bool {
        self.readers != Readers::Members && self.joiners == Joiners::Anyone && !config.private
    }

    pub fn grants(&self, role: Role, action: Action) -> bool {
        self.grants.get(&role).is_some_and(|actions| actions.contains(&action))
    }
}

impl Readers {
    pub const fn as_str(self) -> &'static str {
        match self {
            Readers::Members => "members",
            Readers::Workspace => "workspace",
            Readers::App => "app",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Readers::Members, Readers::Workspace, Readers::App].into_iter().find(|r| r.as_str() == text)
    }
}

impl Joiners {
    pub const fn as_str(self) -> &'static str {
        match self {
            Joiners::Invited => "invited",
            Joiners::Anyone => "anyone",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Joiners::Invited, Joiners::Anyone].into_iter().find(|j| j.as_str() == text)
    }
}

/// The types that every app starts with: those of ChatSDK (`contracts/chatsdk.md` §3.5).
pub fn seeds() -> Vec<ChannelType> {
    const OPEN: (Readers, Joiners) = (Readers::App, Joiners::Anyone);
    const CLOSED: (Readers, Joiners) = (Readers::Members, Joiners::Invited);
    let plain = Features {
        config: Config {
            typing_events: true,
            read_events: true,
            reactions: true,
            replies: true,
            private: false,
        },
        replies_open_sending: false,
    };
    let seed = |name: &str, features, grants, (readers, joiners), direct| ChannelType {
        name: name.to_owned(),
        features,
        grants,
        readers,
        joiners,
        direct,
    };
    let private = Features { config: Config { private: true, ..plain.config }, ..plain };
    let broadcast =
        Features { config: Config { replies: false, ..plain.config }, replies_open_sending: true };
    vec![
        seed("messaging", plain, direct_grants(), CLOSED, true),
        seed("group", plain, usual_grants(), CLOSED, false),
        seed("team", plain, usual_grants(), OPEN, false),
        seed("livestream", broadcast, livestream_grants(), CLOSED, false),
        seed("public", plain, usual_grants(), OPEN, false),
        seed("private", private, usual_grants(), CLOSED, false),
    ]
}

const TAKE_PART: [Action; 4] = [Action::Read, Action::React, Action::Type, Action::MarkRead];

fn usual_grants() -> BTreeMap<Role, BTreeSet<Action>> {
    let member: BTreeSet<_> = TAKE_PART.into_iter().chain([Action::Send]).collect();
    let moderator: BTreeSet<_> = member.iter().copied().chain([Action::Pin, Action::ManageMembers]).collect();
    let admin: BTreeSet<_> = moderator.iter().copied().chain([Action::UpdateChannel]).collect();
    let owner: BTreeSet<_> = admin.iter().copied().chain([Action::DeleteChannel]).collect();
    [(Role::Member, member), (Role::Moderator, moderator), (Role::Admin, admin), (Role::Owner, owner)].into()
}

/// Nobody owns a direct channel: both may pin, nobody may change or delete it.
fn direct_grants() -> BTreeMap<Role, BTreeSet<Action>> {
    [(Role::Member, TAKE_PART.into_iter().chain([Action::Send, Action::Pin]).collect())].into()
}

fn livestream_grants() -> BTreeMap<Role, BTreeSet<Action>> {
    let mut grants = usual_grants();
    grants.insert(Role::Member, TAKE_PART.into());
    grants
}
