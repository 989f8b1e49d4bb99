//! Names of realtime channels: `chat:{appId}:{channelId}` and `user:{appId}:{userId}`.

use parlance_core::{Num, id};
use uuid::Uuid;

/// What a realtime channel name speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// Everything that happens in a channel. `num` is 0 if the id is none of ours: no such channel.
    Chat { app: Uuid, num: Num },
    /// What is addressed to one user.
    User { app: Uuid, user_id: String },
    /// Well formed, but of a namespace that is not served.
    Other,
}

/// Reads a name, split at its first two colons. `None` if it is malformed. An app that is no UUID
/// reads as the nil UUID, which is nobody's.
pub fn parse(name: &str) -> Option<Channel> {
    let mut parts = name.splitn(3, ':');
    let (namespace, app) = (parts.next()?, parts.next()?);
    if namespace.is_empty() || app.is_empty() {
        return None;
    }
    let app = (app.len() == 36).then(|| Uuid::try_parse(app).ok()).flatten().unwrap_or_default();
    match (namespace, parts.next()) {
        (_, Some("")) | ("chat" | "user", None) => None,
        ("chat", Some(channel)) => Some(Channel::Chat { app, num: id::parse(channel).unwrap_or(0) }),
        ("user", Some(user)) => Some(Channel::User { app, user_id: user.to_owned() }),
        _ => Some(Channel::Other),
    }
}

/// The name of a channel's stream.
pub fn chat(app: Uuid, num: Num) -> String {
    format!("chat:{app}:{}", id::uuid_of(num))
}

/// The name of a user's stream.
pub fn user(app: Uuid, user_id: &str) -> String {
    format!("user:{app}:{user_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "00000000-0000-0000-0000-000000000001";

    #[test]
    fn names_round_trip_and_user_ids_may_hold_colons() {
        let app = Uuid::try_parse(APP).unwrap();
        assert_eq!(parse(&chat(app, 4711 << 22)), Some(Channel::Chat { app, num: 4711 << 22 }));
        let user_id = "oidc:alice".to_owned();
        assert_eq!(parse(&user(app, &user_id)), Some(Channel::User { app, user_id }));
    }

    #[test]
    fn malformed_names_are_told_from_unknown_ones() {
        for malformed in ["", "chat", "chat:", "chat:x", "chat:x:", "user:x:", ":a:b", "chat::x"] {
            assert_eq!(parse(malformed), None, "{malformed}");
        }
        let app = Uuid::try_parse(APP).unwrap();
        assert_eq!(parse(&format!("chat:{APP}:nothing")), Some(Channel::Chat { app, num: 0 }));
        assert_eq!(parse("chat:other:nothing"), Some(Channel::Chat { app: Uuid::nil(), num: 0 }));
        assert_eq!(parse(&format!("app:{APP}")), Some(Channel::Other));
        assert_eq!(parse(&format!("workspace:{APP}:x")), Some(Channel::Other));
    }
}
