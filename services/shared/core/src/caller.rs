//! Who asks, and for which app.

use uuid::Uuid;

use crate::error::{Error, Reason, Result};
use crate::id::Num;

/// Who asks. `trusted` says that the question came from one of our own services: in process, or
/// over the network beside the service secret. A user's request stays a user's request on its way down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub app: Uuid,
    pub actor: Actor,
    pub trusted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A service on its own account.
    Service,
    /// The app's backend, holding a secret API key.
    App,
    /// A holder of a public API key: knows the app, may do nothing alone.
    Public,
    /// A user of the app, signed in or named by the app's backend.
    User { num: Num },
}

impl Caller {
    /// A service asking on its own account about `app`.
    pub fn service(app: Uuid) -> Self {
        Self { app, actor: Actor::Service, trusted: true }
    }

    /// A user's request, as one of our services passes it on.
    pub fn user(app: Uuid, num: Num) -> Self {
        Self { app, actor: Actor::User { num }, trusted: true }
    }

    /// The app's backend, as one of our services passes it on.
    pub fn app(app: Uuid) -> Self {
        Self { app, actor: Actor::App, trusted: true }
    }

    /// The user who asks; an error if nobody in particular does.
    pub fn require_user(&self) -> Result<Num> {
        match self.actor {
            Actor::User { num } => Ok(num),
            Actor::Service | Actor::App | Actor::Public => Err(Error::new(
                Reason::UserRequired,
                "this call acts for a user: send a user token, or name a user beside the API key",
            )),
        }
    }

    /// The user who asks, if one does.
    pub fn user_num(&self) -> Option<Num> {
        match self.actor {
            Actor::User { num } => Some(num),
            _ => None,
        }
    }

    /// Refuses everybody but the app's backend and our own services.
    pub fn require_server(&self) -> Result<()> {
        match self.actor {
            Actor::App => Ok(()),
            Actor::Service if self.trusted => Ok(()),
            _ => Err(Error::new(Reason::NotAllowed, "this call needs a secret API key")),
        }
    }

    /// Refuses everybody but our own services.
    pub fn require_service(&self) -> Result<()> {
        if self.trusted {
            Ok(())
        } else {
            Err(Error::new(Reason::NotAllowed, "this call is for services only"))
        }
    }
}
