use parlance_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a member is in a channel; a later one is higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Member,
    Moderator,
    Admin,
    Owner,
}

impl Role {
    /// All roles, lowest first.
    pub const ALL: [Role; 4] = [Role::Member, Role::Moderator, Role::Admin, Role::Owner];

    /// The name that is stored and travels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Member => "member",
            Role::Moderator => "moderator",
            Role::Admin => "admin",
            Role::Owner => "owner",
        }
    }

    /// Place in the order of roles, kept beside the name so that SQL can sort; there is room between
    /// two for roles that an app may name itself.
    pub const fn rank(self) -> i32 {
        match self {
            Role::Member => 0,
            Role::Moderator => 10,
            Role::Admin => 20,
            Role::Owner => 30,
        }
    }

    /// INVALID_ARGUMENT for an unknown name.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Error::invalid("role", "must be owner, admin, moderator or member"))
    }
}
