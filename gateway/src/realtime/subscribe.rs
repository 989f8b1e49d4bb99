//! The subscribe command: register, ask, go live.
//!
//! A subscription is registered before its rights and position are asked for, so that whatever
//! changes meanwhile reaches it. It goes live in one step with its reply.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use parlance_core::{Error, Reason};
use parlance_proto::auth::TokenKind;

use super::codes::{CloseCode, ErrorCode};
use super::connect::{TokenTrouble, seconds_left};
use super::protocol::{Reply, SubscribeRequest, SubscribeResult};
use super::session::{Session, Subscription, refuse};
use crate::dialects::chatsdk::channels::{self, Channel};
use crate::hub::connection::Owner;
use crate::hub::stream::{Joined, LogRead, NotJoined, Plan, Stream, StreamKey, Wish};
use crate::identity::Token;

/// Clients drop the whole connection if a subscribe is not answered within 5 s.
const PATIENCE: Duration = Duration::from_secs(4);
/// Bit of `flag`: refuse rather than subscribe without recovery.
const REFUSE_UNRECOVERED: i64 = 2;

/// Why a subscribe fails.
enum Failure {
    Error(ErrorCode),
    Close(CloseCode),
}

/// A subscription on its way.
struct Pending {
    number: u64,
    stream: Arc<Stream>,
    request: SubscribeRequest,
    wish: Wish,
}

/// What a subscription needs to go live.
struct Loaded {
    read: Option<LogRead>,
    token: Option<Arc<Token>>,
}

/// Answers several subscribe commands, in order. Their loads run together.
pub(super) async fn subscribe(
    session: &mut Session,
    group: Vec<(u32, SubscribeRequest)>,
    replies: &mut Vec<Reply>,
) -> Result<(), CloseCode> {
    let begun: Vec<(u32, Result<Pending, ErrorCode>)> =
        group.into_iter().map(|(id, request)| (id, session.begin(request))).collect();
    let loads = begun.iter().map(async |(_, begun)| match begun {
        Ok(pending) => match tokio::time::timeout(PATIENCE, session.load(pending)).await {
            Ok(loaded) => loaded,
            Err(_) => Err(Failure::Error(ErrorCode::Internal)),
        },
        Err(code) => Err(Failure::Error(*code)),
    });
    let loaded = join_all(loads).await;
    for ((id, begun), loaded) in begun.into_iter().zip(loaded) {
        let outcome = match (&begun, loaded) {
            (Ok(pending), Ok(loaded)) => session.finish(pending, loaded).await,
            (_, Err(failure)) => Err(failure),
            (Err(code), Ok(_)) => Err(Failure::Error(*code)),
        };
        let reply = match outcome {
            Ok(result) => Reply { subscribe: Some(result), ..Reply::default() },
            Err(Failure::Close(code)) => return Err(code),
            Err(Failure::Error(code)) => {
                if let Ok(pending) = &begun {
                    session.abandon(pending);
                }
                refuse(code)
            }
        };
        replies.push(Reply { id, ..reply });
    }
    Ok(())
}

impl Session {
    /// Checks what can be checked at once, and registers.
    fn begin(&mut self, request: SubscribeRequest) -> Result<Pending, ErrorCode> {
        let settings = &self.edge.settings().realtime;
        if request.channel.is_empty() || request.channel.len() > settings.max_channel_length {
            return Err(ErrorCode::BadRequest);
        }
        if request.kind != 0 || request.tf.is_some() {
            return Err(ErrorCode::NotAvailable);
        }
        let owner = self.connection.owner().ok_or(ErrorCode::PermissionDenied)?;
        let (key, app) = (stream_of(owner, &request.channel)?, owner.app);
        if self.subscribed(&request.channel).is_some() {
            return Err(ErrorCode::AlreadySubscribed);
        }
        if self.subscriptions.len() >= settings.max_subscriptions {
            return Err(ErrorCode::LimitExceeded);
        }
        let hub = self.edge.hub();
        let number = hub.next_number();
        let wish = Wish { recover: request.recover, epoch: request.epoch.clone(), offset: request.offset };
        let stream = hub.subscribe(key, app, &request.channel, number, &self.connection, wish.recover);
        self.subscriptions.push(Subscription {
            number,
            stream: stream.clone(),
            tracked: false,
            expires_at: None,
        });
        metrics::gauge!("parlance_realtime_subscriptions").increment(1.0);
        Ok(Pending { number, stream, request, wish })
    }

    /// Asks for the token, the right and the position.
    async fn load(&self, pending: &Pending) -> Result<Loaded, Failure> {
        let (hub, stream) = (self.edge.hub(), &pending.stream);
        let (token, heard) = join(self.token(&pending.request), hub.hear(stream)).await;
        let token = token?;
        heard.map_err(unknown)?;
        // The right is asked after the stream is heard: its loss cannot be missed.
        let (allowed, read) =
            join(self.may_read(stream), self.read(pending, stream.plan(&pending.wish))).await;
        if !allowed? {
            return Err(Failure::Error(ErrorCode::PermissionDenied));
        }
        Ok(Loaded { read: read?, token })
    }

    /// The token, if one was sent: it must be valid, and name this user and channel.
    async fn token(&self, request: &SubscribeRequest) -> Result<Option<Arc<Token>>, Failure> {
        if request.token.is_empty() {
            return Ok(None);
        }
        match self.edge.identity().token(TokenKind::Subscription, &request.token).await {
            Ok(token) if self.is_for_us(&token, &request.channel) => Ok(Some(token)),
            Ok(_) => Err(Failure::Close(CloseCode::InvalidToken)),
            Err(error) => Err(Failure::Error(match TokenTrouble::of(&error) {
                TokenTrouble::Expired => ErrorCode::TokenExpired,
                TokenTrouble::Invalid => ErrorCode::PermissionDenied,
                TokenTrouble::Unknown(code) => code,
            })),
        }
    }

    /// Whether a subscription token names this connection's user and the channel.
    pub(super) fn is_for_us(&self, token: &Token, channel: &str) -> bool {
        let ours = |owner: &Owner| owner.app == token.app && owner.user == token.user_num;
        token.channel == channel && self.connection.owner().is_some_and(ours)
    }

    async fn may_read(&self, stream: &Stream) -> Result<bool, Failure> {
        let Some(owner) = self.connection.owner() else { return Ok(false) };
        if !stream.key.is_chat() {
            return Ok(stream.key.num == owner.user);
        }
        self.edge.hub().loads().may_read(owner.app, stream.key.num, owner.user).await.map_err(unknown)
    }

    async fn read(&self, pending: &Pending, plan: Plan) -> Result<Option<LogRead>, Failure> {
        let loads = self.edge.hub().loads();
        let read = match plan {
            Plan::Nothing => return Ok(None),
            Plan::Position => loads.position(&pending.stream).await,
            Plan::Entries { epoch, after } => loads.entries(&pending.stream, &epoch, after).await,
        };
        read.map(Some).map_err(unknown)
    }

    /// Goes live; from here on the reply must be written before anything queued.
    async fn finish(&mut self, pending: &Pending, loaded: Loaded) -> Result<SubscribeResult, Failure> {
        let user = self.connection.owner().map_or(0, |owner| owner.user);
        let mut read = loaded.read;
        let joined = loop {
            let (joined, followup) = pending.stream.join(pending.number, user, &pending.wish, read.as_ref());
            self.edge.hub().follow_up(&self.edge, &pending.stream, followup);
            match joined {
                Ok(joined) => break joined,
                // What was at hand a moment ago is not any more.
                Err(NotJoined::NeedsLog { epoch, after }) => {
                    let plan = Plan::Entries { epoch, after };
                    let again = tokio::time::timeout(PATIENCE, self.read(pending, plan)).await;
                    read = again.unwrap_or(Err(Failure::Error(ErrorCode::Internal)))?;
                }
                Err(NotJoined::Ended) => return Err(Failure::Error(ErrorCode::PermissionDenied)),
                Err(NotJoined::Unknown) => return Err(Failure::Error(ErrorCode::Internal)),
                Err(NotJoined::Broken) => return Err(Failure::Close(CloseCode::InsufficientState)),
            }
        };
        if pending.wish.recover {
            let outcome = if joined.recovered { "recovered" } else { "unrecovered" };
            metrics::counter!("parlance_realtime_recoveries_total", "outcome" => outcome).increment(1);
            if !joined.recovered && pending.request.flag & REFUSE_UNRECOVERED != 0 {
                return Err(Failure::Error(ErrorCode::UnrecoverablePosition));
            }
        }
        let left =
            loaded.token.and_then(|token| token.expires_at).map(|at| at.since(self.edge.clock().now()));
        let until = left.map(|left| self.with_grace(left));
        let tracked = !pending.stream.key.is_chat();
        if let Some(subscription) = self.subscriptions.iter_mut().find(|one| one.number == pending.number) {
            subscription.expires_at = until;
            subscription.tracked = tracked;
        }
        if tracked {
            self.edge.hub().unread().track(pending.stream.app, user, &self.connection);
        }
        Ok(result_of(joined, &pending.wish, user, left.map(seconds_left)))
    }

    fn abandon(&mut self, pending: &Pending) {
        if let Some(index) = self.subscriptions.iter().position(|one| one.number == pending.number) {
            self.forget(index);
        }
    }
}

fn unknown(error: Error) -> Failure {
    Failure::Error(match error.reason {
        Reason::Overloaded | Reason::RateLimited => ErrorCode::TooManyRequests,
        _ => ErrorCode::Internal,
    })
}

/// The stream behind a channel name. Names that could not be told apart in a push (other spellings of
/// an id) are refused like foreign ones.
fn stream_of(owner: &Owner, channel: &str) -> Result<StreamKey, ErrorCode> {
    match channels::parse(channel) {
        Some(Channel::Chat { app, num }) => {
            let ours = app == owner.app && num != 0 && channels::chat(app, num) == channel;
            ours.then(|| StreamKey::chat(num)).ok_or(ErrorCode::PermissionDenied)
        }
        Some(Channel::User { app, user_id }) => {
            let ours =
                app == owner.app && *user_id == *owner.user_id && channels::user(app, &user_id) == channel;
            ours.then(|| StreamKey::user(owner.user)).ok_or(ErrorCode::PermissionDenied)
        }
        Some(Channel::Other) if channel.starts_with("workspace:") || channel.starts_with("app:") => {
            Err(ErrorCode::PermissionDenied)
        }
        Some(Channel::Other) => Err(ErrorCode::UnknownChannel),
        None if channel.starts_with("chat:") || channel.starts_with("user:") => {
            Err(ErrorCode::PermissionDenied)
        }
        None => Err(ErrorCode::UnknownChannel),
    }
}

fn result_of(joined: Joined, wish: &Wish, user: i64, ttl: Option<u32>) -> SubscribeResult {
    SubscribeResult {
        expires: ttl.is_some(),
        ttl: ttl.unwrap_or(0),
        recoverable: true,
        positioned: true,
        epoch: joined.epoch.as_ref().to_owned(),
        publications: joined
            .entries
            .iter()
            .filter_map(|entry| entry.visible_to(user))
            .map(|publication| publication.recovered())
            .collect(),
        recovered: joined.recovered,
        offset: joined.offset,
        was_recovering: wish.recover,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn only_ones_own_channels_in_their_usual_spelling_are_streams() {
        let app = Uuid::from_u128(0xabc);
        let owner = Owner { app, user: 5, user_id: "alice".into() };
        let num = 4711 << 22;
        let chat = channels::chat(app, num);
        assert_eq!(stream_of(&owner, &chat), Ok(StreamKey::chat(num)));
        assert_eq!(stream_of(&owner, &channels::user(app, "alice")), Ok(StreamKey::user(5)));
        let denied = [
            channels::user(app, "bob"),
            channels::user(Uuid::from_u128(1), "alice"),
            channels::chat(Uuid::from_u128(1), num),
            chat.to_uppercase().replace("CHAT", "chat"),
            format!("chat:{app}:unknown"),
            format!("chat:{app}"),
            format!("workspace:{app}:x"),
            format!("app:{app}"),
        ];
        for channel in denied {
            assert_eq!(stream_of(&owner, &channel), Err(ErrorCode::PermissionDenied), "{channel}");
        }
        for channel in ["news", "other:x:y", ":", "news:x"] {
            assert_eq!(stream_of(&owner, channel), Err(ErrorCode::UnknownChannel), "{channel}");
        }
    }
}
