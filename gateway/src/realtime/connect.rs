//! The connect command: who is it, and until when?

use std::time::Duration;

use parlance_core::{Code, Error, Reason};

use super::codes::{CloseCode, ErrorCode};
use super::protocol::{ConnectRequest, ConnectResult, Reply};
use super::session::{Session, refuse};
use crate::hub::connection::{Login, Owner};
use crate::identity::Token;

/// Longest client name and version in bytes.
const NAME: usize = 16;
const VERSION: usize = 64;

/// Clients give a connect 5 s; one whose turn does not come before is told to come later.
const PATIENCE: Duration = Duration::from_secs(3);

/// The version that clients are told; never empty.
pub(super) const SERVER_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is wrong with a token, as far as the answers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenTrouble {
    Expired,
    Invalid,
    /// Not known for now; the client may try again.
    Unknown(ErrorCode),
}

impl TokenTrouble {
    pub(super) fn of(error: &Error) -> Self {
        match (error.reason, error.code()) {
            (Reason::TokenExpired, _) => Self::Expired,
            (_, Code::Unauthenticated) => Self::Invalid,
            (Reason::Overloaded | Reason::RateLimited, _) => Self::Unknown(ErrorCode::TooManyRequests),
            _ => Self::Unknown(ErrorCode::Internal),
        }
    }
}

impl Session {
    /// Answers a connect command. An expired token is answered with error 109 (the client fetches
    /// another one), an invalid one ends the connection for good.
    pub(super) async fn connect(&mut self, request: ConnectRequest) -> Result<Reply, CloseCode> {
        if request.token.is_empty() || request.name.len() > NAME || request.version.len() > VERSION {
            return Err(CloseCode::BadRequest);
        }
        let token = match self.edge.hub().verify(&self.edge, &request.token, PATIENCE).await {
            Ok(token) => token,
            Err(error) => {
                return match TokenTrouble::of(&error) {
                    TokenTrouble::Expired => Ok(refuse(ErrorCode::TokenExpired)),
                    TokenTrouble::Invalid => Err(CloseCode::InvalidToken),
                    TokenTrouble::Unknown(code) => Ok(refuse(code)),
                };
            }
        };
        let owner = Owner { app: token.app, user: token.user_num, user_id: token.user_id.as_str().into() };
        if self.edge.hub().own(&self.connection, owner, login_of(&token)).await.is_err() {
            return Ok(refuse(ErrorCode::Internal));
        }
        self.started();
        let ttl = self.take_expiry(&token);
        let pings = if self.frame_pings { 0 } else { self.edge.settings().realtime.ping_interval_s };
        let connect = ConnectResult {
            client: self.connection.client.to_string(),
            version: SERVER_VERSION.to_owned(),
            expires: ttl.is_some(),
            ttl: ttl.unwrap_or(0),
            ping: pings,
            pong: pings > 0,
        };
        Ok(Reply { connect: Some(connect), ..Reply::default() })
    }

    /// Keeps in mind when the connection expires; the seconds left, if it does.
    pub(super) fn take_expiry(&mut self, token: &Token) -> Option<u32> {
        let left = token.expires_at.map(|at| at.since(self.edge.clock().now()));
        let until = left.map(|left| self.with_grace(left));
        self.expire_at(until);
        left.map(seconds_left)
    }
}

pub(super) fn login_of(token: &Token) -> Login {
    Login { session: token.session_id.as_str().into(), issued_at: token.issued_at }
}

/// Whole seconds, at least one: zero would mean "never".
pub(super) fn seconds_left(left: Duration) -> u32 {
    u32::try_from(left.as_secs()).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_errors_are_told_apart() {
        let of = |reason| TokenTrouble::of(&Error::new(reason, "text"));
        assert_eq!(of(Reason::TokenExpired), TokenTrouble::Expired);
        assert_eq!(of(Reason::TokenInvalid), TokenTrouble::Invalid);
        assert_eq!(of(Reason::TokenRevoked), TokenTrouble::Invalid);
        assert_eq!(of(Reason::Overloaded), TokenTrouble::Unknown(ErrorCode::TooManyRequests));
        assert_eq!(of(Reason::Unavailable), TokenTrouble::Unknown(ErrorCode::Internal));
        assert_eq!(of(Reason::DeadlinePassed), TokenTrouble::Unknown(ErrorCode::Internal));
    }
}
