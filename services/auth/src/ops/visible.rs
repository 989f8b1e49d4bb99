//! What a caller may see of users.

use parlance_core::{Actor, Caller, Error, Reason, Result};
use parlance_proto::auth::User;

use crate::convert;
use crate::store::users;

/// Refuses holders of a public key, who may do nothing alone.
pub fn require_somebody(caller: &Caller) -> Result<()> {
    match caller.actor {
        Actor::Public => Err(Error::new(Reason::NotAllowed, "this call needs a user or a secret API key")),
        Actor::Service | Actor::App | Actor::User { .. } => Ok(()),
    }
}

/// The user as the caller sees him: e-mail and custom data of others are hidden from users who call
/// directly. Our own services get everything and hide what their dialect says.
pub fn to(caller: &Caller, row: users::Model) -> User {
    let mut user = convert::user(row);
    if let (false, Actor::User { num }) = (caller.trusted, &caller.actor)
        && *num != user.num
    {
        user.email.clear();
        user.custom.clear();
    }
    user
}
