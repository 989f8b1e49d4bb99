use parlance_core::Reason;

use super::{Action, ChannelType, Config, Role};

/// All that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    pub channel_type: &'a ChannelType,
    pub config: Config,
    pub frozen: bool,
    /// He may read it and join it without being invited.
    pub open: bool,
    /// The channel is direct and one of its two has blocked the other.
    pub blocked: bool,
    /// `None` = not a member.
    pub role: Option<Role>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// Not as a stranger, but anyone may join and then it is allowed.
    AllowedByJoining,
    /// NOT_A_MEMBER, ROLE_TOO_LOW, CHANNEL_FROZEN, FEATURE_DISABLED or USER_BLOCKED.
    Refused(Reason),
}

/// May a person in this situation do this?
pub fn decide(situation: Situation<'_>, action: Action) -> Decision {
    match situation.role {
        Some(role) => decide_as(situation, role, action).map_or(Decision::Allowed, Decision::Refused),
        None if !situation.open => Decision::Refused(Reason::NotAMember),
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
    if situation.blocked && action.addresses() {
        return Some(Reason::UserBlocked);
    }
    if action == Action::React && !situation.config.reactions {
        return Some(Reason::FeatureDisabled);
    }
    let opened = action == Action::Send
        && situation.channel_type.features.replies_open_sending
        && situation.config.replies;
    (!opened && !situation.channel_type.grants(role, action)).then_some(Reason::RoleTooLow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::channel_type::seeds;
    use crate::domain::{Overrides, membership};

    const NONE: Option<Role> = None;

    /// Letters by role.
    type Rows<'a> = &'a [(Option<Role>, &'a str)];

    fn situation(channel_type: &ChannelType, role: Option<Role>) -> Situation<'_> {
        let config = channel_type.config(Overrides::default());
        Situation {
            channel_type,
            config,
            frozen: false,
            open: channel_type.discoverable(config),
            blocked: false,
            role,
        }
    }

    /// One letter a decision: `y` allowed, `j` by joining, `r` ROLE_TOO_LOW, `n` NOT_A_MEMBER,
    /// `f` CHANNEL_FROZEN, `d` FEATURE_DISABLED; in the order of `Action::ALL`.
    fn letters(situation: Situation<'_>) -> String {
        Action::ALL
            .into_iter()
            .map(|action| match decide(situation, action) {
                Decision::Allowed => 'y',
                Decision::AllowedByJoining => 'j',
                Decision::Refused(Reason::RoleTooLow) => 'r',
                Decision::Refused(Reason::NotAMember) => 'n',
                Decision::Refused(Reason::ChannelFrozen) => 'f',
                Decision::Refused(Reason::FeatureDisabled) => 'd',
                Decision::Refused(_) => '?',
            })
            .collect()
    }

    fn named(name: &str) -> ChannelType {
        seeds().into_iter().find(|seed| seed.name == name).unwrap()
    }

    #[test]
    fn every_role_may_in_every_type_what_the_table_says() {
        // Columns: read send react type mark_read pin manage_members update delete.
        let closed = [
            (NONE, "nnnnnnnnn"),
            (Some(Role::Member), "yyyyyrrrr"),
            (Some(Role::Moderator), "yyyyyyyrr"),
            (Some(Role::Admin), "yyyyyyyyr"),
            (Some(Role::Owner), "yyyyyyyyy"),
        ];
        let mut open = closed;
        open[0].1 = "yjjjjnnnn";
        let mut livestream = closed;
        livestream[1].1 = "yryyyrrrr";
        let direct = [(NONE, "nnnnnnnnn"), (Some(Role::Member), "yyyyyyrrr")];
        let tables: [(&str, Rows); 6] = [
            ("messaging", &direct),
            ("group", &closed),
            ("private", &closed),
            ("livestream", &livestream),
            ("public", &open),
            ("team", &open),
        ];
        assert_eq!(tables.len(), seeds().len());
        for (name, rows) in tables {
            let channel_type = named(name);
            for (role, expected) in rows {
                assert_eq!(letters(situation(&channel_type, *role)), *expected, "{name} {role:?}");
            }
        }
    }

    #[test]
    fn a_frozen_channel_takes_neither_messages_nor_reactions_from_anybody() {
        for channel_type in seeds() {
            for role in Role::ALL {
                let frozen = Situation { frozen: true, ..situation(&channel_type, Some(role)) };
                assert_eq!(&letters(frozen)[1..3], "ff", "{} {role:?}", channel_type.name);
            }
        }
        let public = named("public");
        assert_eq!(letters(Situation { frozen: true, ..situation(&public, None) }), "yffjjnnnn");
    }

    #[test]
    fn a_block_leaves_reading_and_nothing_that_the_other_hears_of() {
        let direct = named("messaging");
        let blocked = Situation { blocked: true, ..situation(&direct, Some(Role::Member)) };
        let expected = Decision::Refused(Reason::UserBlocked);
        for action in [Action::Send, Action::React, Action::Type] {
            assert_eq!(decide(blocked, action), expected, "{action:?}");
        }
        for action in [Action::Read, Action::MarkRead, Action::Pin] {
            assert_eq!(decide(blocked, action), Decision::Allowed, "{action:?}");
        }
    }

    #[test]
    fn reactions_switched_off_are_refused_to_all() {
        for channel_type in seeds() {
            for role in Role::ALL {
                let mut quiet = situation(&channel_type, Some(role));
                quiet.config.reactions = false;
                assert_eq!(decide(quiet, Action::React), Decision::Refused(Reason::FeatureDisabled));
            }
        }
    }

    #[test]
    fn replies_open_a_livestream_and_nothing_else() {
        for channel_type in seeds() {
            for replies in [false, true] {
                let mut member = situation(&channel_type, Some(Role::Member));
                member.config.replies = replies;
                let expected = channel_type.name != "livestream" || replies;
                assert_eq!(decide(member, Action::Send) == Decision::Allowed, expected);
            }
        }
    }

    #[test]
    fn the_private_switch_closes_an_open_type() {
        let public = named("public");
        let config = public.config(Overrides { private: Some(true), ..Overrides::default() });
        assert!(public.discoverable(public.config(Overrides::default())));
        assert!(!public.discoverable(config));
        let stranger = Situation { open: false, ..situation(&public, None) };
        assert_eq!(letters(stranger), "nnnnnnnnn");
    }

    #[test]
    fn nobody_changes_his_equals_but_owners_make_owners() {
        use Role::{Admin, Member, Moderator, Owner};
        for actor in Role::ALL {
            for from in Role::ALL {
                assert_eq!(membership::may_remove(actor, from), from < actor);
                assert_eq!(membership::may_assign(actor, from), from <= actor);
            }
        }
        for (actor, from, to, expected) in [
            (Owner, Member, Owner, true),
            (Owner, Admin, Moderator, true),
            (Owner, Owner, Member, false),
            (Admin, Member, Moderator, true),
            (Admin, Member, Admin, false),
            (Admin, Owner, Member, false),
            (Moderator, Member, Member, true),
            (Moderator, Member, Moderator, false),
            (Moderator, Moderator, Member, false),
        ] {
            assert_eq!(membership::may_change(actor, from, to), expected, "{actor:?} {from:?} {to:?}");
        }
        assert!(membership::may_change_own(Admin, Member));
        assert!(!membership::may_change_own(Admin, Owner));
    }
}
