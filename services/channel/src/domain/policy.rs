use parlance_core::Reason;

use super::{Action, ChannelType, Config, Role};

/// All that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    pub channel_type: &'a ChannelType,
    pub config: Config,
    pub frozen: bool,
    pub discoverable: bool,
    /// `None` = not a member.
    pub role: Option<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// Not as a stranger, but anyone may join and then it is allowed.
    AllowedByJoining,
    /// NOT_A_MEMBER, ROLE_TOO_LOW, CHANNEL_FROZEN or FEATURE_DISABLED.
    Refused(Reason),
}

/// May a person in this situation do this?
pub fn decide(situation: Situation<'_>, action: Action) -> Decision {
    match situation.role {
        Some(role) => decide_as(situation, role, action).map_or(Decision::Allowed, Decision::Refused),
        None if !situation.discoverable => Decision::Refused(Reason::NotAMember),
        None if action == Action::Read => Decision::Allowed,
        None => match decide_as(situation, Role::Member, action) {
            None => Decision::AllowedByJoining,
            Some(Reason::RoleTooLow) => Decision::Refused(Reason::NotAMember),
            Some(reason) => Decision::Refused(reason),
        },
    }
}

/// Why a member of this role may not, if so.
fn decide_as(situation: Situation<'_>, role: Role, action: Action) -> Option<Reason> {
    if situation.frozen && matches!(action, Action::Send | Action::React) {
        return Some(Reason::ChannelFrozen);
    }
    if action == Action::React && !situation.config.reactions {
        return Some(Reason::FeatureDisabled);
    }
    let opened = action == Action::Send
        && situation.channel_type.features.replies_open_sending
        && situation.config.replies;
    (!opened && !situation.channel_type.grants(role, action)).then_some(Reason::RoleTooLow)
}
