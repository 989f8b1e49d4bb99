//! May he type there? Asked of channel, and a "yes" is believed for a moment.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use parlance_core::{Error, Micros, Reason, Result};
use parlance_proto::channel::{Action, AuthorizeRequest};
use parlance_rpc::Context;

use crate::presence::Presence;
use crate::store::Typist;

const BELIEVED_FOR: Duration = Duration::from_secs(5);
/// Answers kept at most; beyond that each question is asked.
const CAPACITY: usize = 100_000;

/// An answer that is not a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    /// He may, and others are shown.
    Shown,
    /// Typing is not shown in this channel.
    NotShown,
}

#[derive(Debug, Default)]
pub(crate) struct Permissions(Mutex<HashMap<Typist, (Permission, Micros)>>);

impl Permissions {
    fn find(&self, typist: &Typist, now: Micros) -> Option<Permission> {
        self.0.lock().get(typist).filter(|(_, until)| now < *until).map(|(permission, _)| *permission)
    }

    fn keep(&self, typist: Typist, permission: Permission, now: Micros) {
        let mut kept = self.0.lock();
        if kept.len() < CAPACITY {
            kept.insert(typist, (permission, now + BELIEVED_FOR));
        }
    }

    pub(crate) fn sweep(&self, now: Micros) {
        self.0.lock().retain(|_, (_, until)| now < *until);
    }
}

/// Whether the typist may type, and whether it is shown; an error if he may not or if there is no such channel.
pub(crate) async fn may_type(presence: &Presence, context: &Context, typist: Typist) -> Result<Permission> {
    let now = presence.now();
    if let Some(permission) = presence.permissions.find(&typist, now) {
        return Ok(permission);
    }
    let question = AuthorizeRequest {
        channel_num: typist.channel,
        user_num: typist.user.num,
        action: Action::Type.into(),
        join: false,
    };
    let request = context.as_service().request(question);
    let answer = presence.channel.clone().authorize(request).await?.into_inner();
    let shown = answer.channel.and_then(|channel| channel.config).is_none_or(|config| config.typing_events);
    let permission = match (answer.allowed, Reason::parse(&answer.reason)) {
        (true, _) if shown => Permission::Shown,
        // Switched off is not refused: clients need not know the switch.
        (true, _) | (false, Some(Reason::FeatureDisabled)) => Permission::NotShown,
        (false, reason) => {
            return Err(Error::new(
                reason.unwrap_or(Reason::NotAllowed),
                "you may not write in this channel",
            ));
        }
    };
    presence.permissions.keep(typist, permission, now);
    Ok(permission)
}
