use serde::{Deserialize, Serialize};

/// What a role may be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Read,
    Send,
    React,
    Type,
    MarkRead,
    Pin,
    /// Add, remove and promote members of lower roles.
    ManageMembers,
    /// Name, description, image, switches.
    UpdateChannel,
    DeleteChannel,
}

impl Action {
    /// Whether it says something to the others of the channel. Refused in a direct channel after a block.
    pub const fn addresses(self) -> bool {
        matches!(self, Action::Send | Action::React | Action::Type)
    }

    #[cfg(test)]
    pub const ALL: [Action; 9] = [
        Action::Read,
        Action::Send,
        Action::React,
        Action::Type,
        Action::MarkRead,
        Action::Pin,
        Action::ManageMembers,
        Action::UpdateChannel,
        Action::DeleteChannel,
    ];
}
