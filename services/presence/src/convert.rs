//! Protobuf to domain and back.

use parlance_core::{Error, Micros, Num, Result};
use parlance_proto::event::event::Payload;
use parlance_proto::event::stream::Kind;
use parlance_proto::event::{Event, PresenceChanged, Stream, TypingStarted, TypingStopped};
use parlance_proto::presence::UserPresence;
use parlance_proto::presence::report_connections_request::Change;
use uuid::Uuid;

use crate::domain::online::{Signs, is_online, last_seen};
use crate::domain::typing;
use crate::store::{ConnectionChange, News, Typist, User};

/// Longest name of a gateway or a connection, in bytes.
const MAX_NAME: usize = 255;

pub(crate) fn gateway(id: &str) -> Result<&str> {
    if id.is_empty() || id.len() > MAX_NAME {
        return Err(Error::invalid("gateway_id", "must have 1 to 255 bytes"));
    }
    Ok(id)
}

pub(crate) fn connection_change(change: Change) -> Result<ConnectionChange> {
    let app = Uuid::try_parse(&change.app_id).map_err(|_| Error::invalid("app_id", "must be a UUID"))?;
    if change.connection_id.is_empty() || change.connection_id.len() > MAX_NAME {
        return Err(Error::invalid("connection_id", "must have 1 to 255 bytes"));
    }
    let user = User { app, num: num(change.user_num, "user_num")? };
    Ok(ConnectionChange { user, connection: change.connection_id, opened: change.opened })
}

pub(crate) fn num(num: i64, field: &str) -> Result<Num> {
    if num > 0 { Ok(num) } else { Err(Error::invalid(field, "must be a positive num")) }
}

pub(crate) fn user_presence(num: Num, signs: &Signs, now: Micros) -> UserPresence {
    UserPresence {
        user_num: num,
        online: is_online(signs, now),
        connected: signs.connections > 0,
        last_seen: last_seen(signs, now).map(Micros::timestamp),
    }
}

pub(crate) fn presence_event(news: &News, audience: Vec<Num>, now: Micros) -> Event {
    let payload = Payload::PresenceChanged(PresenceChanged {
        user_num: news.user.num,
        online: news.online,
        last_seen: news.last_seen.map(Micros::timestamp),
    });
    Event { audience_nums: audience, ..event(news.user, Kind::User, news.user.num, payload, now) }
}

pub(crate) fn typing_event(typist: &Typist, change: typing::Change, now: Micros) -> Event {
    let (channel_num, user_num) = (typist.channel, typist.user.num);
    let payload = match change {
        typing::Change::Started => Payload::TypingStarted(TypingStarted { channel_num, user_num }),
        typing::Change::Stopped => Payload::TypingStopped(TypingStopped { channel_num, user_num }),
    };
    event(typist.user, Kind::Chat, channel_num, payload, now)
}

fn event(actor: User, kind: Kind, num: Num, payload: Payload, now: Micros) -> Event {
    Event {
        id: Uuid::new_v4().to_string(),
        app_id: actor.app.to_string(),
        stream: Some(Stream { kind: kind.into(), num }),
        actor_num: actor.num,
        occurred_at: Some(now.timestamp()),
        origin: "presence".to_owned(),
        payload: Some(payload),
        ..Event::default()
    }
}
