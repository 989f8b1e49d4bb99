//! Who may change whose membership (`contracts/chatsdk.md` §3.5). That the actor may manage members at
//! all is a grant of his role and asked before.

use super::Role;

/// Nobody gives away more than he has.
pub fn may_assign(actor: Role, role: Role) -> bool {
    role <= actor
}

/// Only somebody of a lower role can be sent away.
pub fn may_remove(actor: Role, target: Role) -> bool {
    target < actor
}

/// Somebody else's role: lower than one's own before and after, but owners make owners.
pub fn may_change(actor: Role, from: Role, to: Role) -> bool {
    from < actor && (to < actor || (actor == Role::Owner && to == Role::Owner))
}

/// One's own role can only be laid down.
pub fn may_change_own(from: Role, to: Role) -> bool {
    to <= from
}
