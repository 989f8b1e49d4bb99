//! How users, their signs and their typing are written in Redis.

use parlance_core::{Error, Micros, Num, Result};
use uuid::Uuid;

use crate::domain::online::Signs;
use crate::domain::typing::Typing;
use crate::store::{Typist, User};

/// What is known of a user, and the version of it.
pub(super) struct Record {
    pub(super) user: User,
    pub(super) signs: Signs,
    pub(super) announced: bool,
    pub(super) version: String,
}

/// Fields of a user's hash: connections, active, closed, offline.
pub(super) type SignFields = (Option<u32>, Option<i64>, Option<i64>, Option<i64>);
/// As `record` in `common.lua` gives it: user, the fields above, announced, version.
pub(super) type RecordFields =
    (String, Option<u32>, Option<i64>, Option<i64>, Option<i64>, Option<String>, Option<String>);

pub(super) fn signs((connections, active, closed, offline): SignFields) -> Signs {
    Signs {
        connections: connections.unwrap_or(0),
        active_at: active.map(Micros),
        closed_at: closed.map(Micros),
        declared_offline_at: offline.map(Micros),
    }
}

pub(super) fn record(fields: RecordFields) -> Result<Record> {
    let (user, connections, active, closed, offline, announced, version) = fields;
    Ok(Record {
        user: read_user(&user)?,
        signs: signs((connections, active, closed, offline)),
        announced: announced.as_deref() == Some("1"),
        version: version.unwrap_or_default(),
    })
}

pub(super) fn user(User { app, num }: User) -> String {
    format!("{}:{num}", app.simple())
}

pub(super) fn read_user(text: &str) -> Result<User> {
    text.split_once(':').and_then(|(app, num)| pair(app, num)).ok_or_else(|| odd("user"))
}

pub(super) fn typist(typist: &Typist) -> String {
    format!("{}:{}", user(typist.user), typist.channel)
}

pub(super) fn read_typist(text: &str) -> Result<Typist> {
    let parts = text.rsplit_once(':').and_then(|(user, channel)| {
        Some(Typist { user: read_user(user).ok()?, channel: channel.parse::<Num>().ok()? })
    });
    parts.ok_or_else(|| odd("typist"))
}

/// `heard announced shown`, a time that is not known as `-`.
pub(super) fn typing(typing: &Typing) -> String {
    let time = |at: Option<Micros>| at.map_or_else(|| "-".to_owned(), |at| at.0.to_string());
    format!("{} {} {}", time(typing.heard_at), time(typing.announced_at), u8::from(typing.shown))
}

/// Of nothing: [`Typing::NONE`].
pub(super) fn read_typing(text: &str) -> Result<Typing> {
    if text.is_empty() {
        return Ok(Typing::NONE);
    }
    let time = |text: &str| match text {
        "-" => Some(None),
        text => text.parse().ok().map(|at| Some(Micros(at))),
    };
    let mut parts = text.split(' ');
    let read = (|| {
        let (heard_at, announced_at) = (time(parts.next()?)?, time(parts.next()?)?);
        Some(Typing { heard_at, announced_at, shown: parts.next()? == "1" })
    })();
    read.ok_or_else(|| odd("typing"))
}

fn pair(app: &str, num: &str) -> Option<User> {
    Some(User { app: Uuid::try_parse(app).ok()?, num: num.parse().ok()? })
}

/// Somebody else writes under our prefix.
fn odd(what: &str) -> Error {
    Error::internal(format!("Redis holds a {what} of another shape"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let one = User { app: Uuid::from_u128(7), num: i64::MAX };
        assert_eq!(read_user(&user(one)).unwrap(), one);
        let there = Typist { user: one, channel: 5 };
        assert_eq!(read_typist(&typist(&there)).unwrap(), there);
        let mut state = Typing::NONE;
        assert_eq!(read_typing("").unwrap(), state);
        for step in 0..3 {
            assert_eq!(read_typing(&typing(&state)).unwrap(), state);
            state.hear(Micros::from_secs(step));
        }
        state.stop();
        assert_eq!(read_typing(&typing(&state)).unwrap(), state);
    }

    #[test]
    fn what_others_wrote_is_an_error() {
        assert!(read_user("x:1").is_err() && read_user("").is_err());
        assert!(read_typist("1:2").is_err());
        assert!(read_typing("1").is_err() && read_typing("x - 0").is_err());
    }
}
