//! Who may do what in a workspace (`contracts/chatsdk.md` §3.5).

use parlance_core::{Error, Result};

/// What a member is in a workspace; a later one is higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkspaceRole {
    Member,
    Admin,
    Owner,
}

impl WorkspaceRole {
    /// All roles, lowest first.
    pub const ALL: [WorkspaceRole; 3] = [WorkspaceRole::Member, WorkspaceRole::Admin, WorkspaceRole::Owner];

    /// The name that is stored and travels.
    pub const fn as_str(self) -> &'static str {
        match self {
            WorkspaceRole::Member => "member",
            WorkspaceRole::Admin => "admin",
            WorkspaceRole::Owner => "owner",
        }
    }

    /// Place in the order of roles, kept beside the name so that SQL can sort.
    pub const fn rank(self) -> i32 {
        match self {
            WorkspaceRole::Member => 0,
            WorkspaceRole::Admin => 20,
            WorkspaceRole::Owner => 30,
        }
    }

    /// INVALID_ARGUMENT for an unknown name.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Error::invalid("role", "must be owner, admin or member"))
    }

    /// The same; nothing means member.
    pub fn parse_or_member(text: &str) -> Result<Self> {
        if text.is_empty() { Ok(WorkspaceRole::Member) } else { Self::parse(text) }
    }

    /// May change the workspace, add people and invite them.
    pub fn manages(self) -> bool {
        self >= WorkspaceRole::Admin
    }

    /// May delete the workspace.
    pub fn owns(self) -> bool {
        self == WorkspaceRole::Owner
    }

    /// Nobody gives away more than he has: only owners make owners.
    pub fn may_assign(self, role: WorkspaceRole) -> bool {
        self.manages() && role <= self
    }

    /// Owners send away and change everybody, admins those of lower roles.
    pub fn may_rule(self, target: WorkspaceRole) -> bool {
        self.owns() || (self.manages() && target < self)
    }
}

/// The kinds of workspaces, as they are named.
pub const TYPES: [&str; 4] = ["team", "project", "conference", "chapter"];

/// The kind of that name. INVALID_ARGUMENT for an unknown one.
pub fn type_named(text: &str) -> Result<&'static str> {
    TYPES
        .into_iter()
        .find(|name| *name == text)
        .ok_or_else(|| Error::invalid("type", "must be team, project, conference or chapter"))
}

/// The same; nothing means team.
pub fn type_or_team(text: &str) -> Result<&'static str> {
    if text.is_empty() { Ok(TYPES[0]) } else { type_named(text) }
}

/// By what names are compared: letter case and blanks around them tell no two apart.
pub fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::WorkspaceRole::{Admin, Member, Owner};
    use super::*;

    #[test]
    fn nobody_rules_his_equals_but_owners() {
        for (actor, target, rules, assigns) in [
            (Owner, Owner, true, true),
            (Owner, Admin, true, true),
            (Owner, Member, true, true),
            (Admin, Owner, false, false),
            (Admin, Admin, false, true),
            (Admin, Member, true, true),
            (Member, Owner, false, false),
            (Member, Admin, false, false),
            (Member, Member, false, false),
        ] {
            assert_eq!(actor.may_rule(target), rules, "{actor:?} {target:?}");
            assert_eq!(actor.may_assign(target), assigns, "{actor:?} {target:?}");
        }
    }

    #[test]
    fn names_differ_by_more_than_case_and_blanks() {
        assert_eq!(name_key("  Über Uns "), name_key("über uns"));
        assert_ne!(name_key("a b"), name_key("ab"));
    }

    #[test]
    fn a_new_workspace_is_a_team_unless_it_says_otherwise() {
        assert_eq!(type_or_team("").unwrap(), "team");
        assert_eq!(type_or_team("chapter").unwrap(), "chapter");
        assert!(type_or_team("Team").is_err() && type_named("").is_err());
    }
}
