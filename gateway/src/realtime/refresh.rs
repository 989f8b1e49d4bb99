//! Refreshing what expires: the connection, or a subscription that came with a token.
//!
//! Error 109 is never answered here: clients would give up.

use parlance_proto::auth::TokenKind;

use super::codes::{CloseCode, ErrorCode, UnsubscribeCode};
use super::connect::{SERVER_VERSION, TokenTrouble, login_of, seconds_left};
use super::protocol::{RefreshRequest, RefreshResult, Reply, SubRefreshRequest, SubRefreshResult};
use super::session::{Session, refuse};

impl Session {
    pub(super) async fn refresh(&mut self, request: RefreshRequest) -> Result<Reply, CloseCode> {
        if request.token.is_empty() {
            return Err(CloseCode::BadRequest);
        }
        let token = match self.edge.identity().token(TokenKind::Connection, &request.token).await {
            Ok(token) => token,
            Err(error) => {
                return match TokenTrouble::of(&error) {
                    TokenTrouble::Expired => Err(CloseCode::ConnectionExpired),
                    TokenTrouble::Invalid => Err(CloseCode::InvalidToken),
                    TokenTrouble::Unknown(code) => Ok(refuse(code)),
                };
            }
        };
        let same = self
            .connection
            .owner()
            .is_some_and(|owner| owner.app == token.app && owner.user == token.user_num);
        if !same {
            return Err(CloseCode::InvalidToken);
        }
        self.connection.set_login(login_of(&token));
        self.edge.hub().recheck_login(&self.connection);
        let ttl = self.take_expiry(&token);
        let refresh = RefreshResult {
            client: self.connection.client.to_string(),
            version: SERVER_VERSION.to_owned(),
            expires: ttl.is_some(),
            ttl: ttl.unwrap_or(0),
        };
        Ok(Reply { refresh: Some(refresh), ..Reply::default() })
    }

    pub(super) async fn sub_refresh(
        &mut self,
        request: SubRefreshRequest,
        replies: &mut Vec<Reply>,
    ) -> Result<Reply, CloseCode> {
        let Some(index) = self.subscribed(&request.channel).filter(|_| !request.token.is_empty()) else {
            return Ok(refuse(ErrorCode::BadRequest));
        };
        let token = match self.edge.identity().token(TokenKind::Subscription, &request.token).await {
            Ok(token) => token,
            Err(error) => {
                return match TokenTrouble::of(&error) {
                    // The push makes the client subscribe again; the reply that follows is temporary.
                    TokenTrouble::Expired => {
                        replies.push(self.end(index, UnsubscribeCode::Expired));
                        Ok(refuse(ErrorCode::Internal))
                    }
                    TokenTrouble::Invalid => Err(CloseCode::InvalidToken),
                    TokenTrouble::Unknown(code) => Ok(refuse(code)),
                };
            }
        };
        if !self.is_for_us(&token, &request.channel) {
            return Err(CloseCode::InvalidToken);
        }
        let left = token.expires_at.map(|at| at.since(self.edge.clock().now()));
        let until = left.map(|left| self.with_grace(left));
        self.subscriptions[index].expires_at = until;
        let ttl = left.map(seconds_left);
        let sub_refresh = SubRefreshResult { expires: ttl.is_some(), ttl: ttl.unwrap_or(0) };
        Ok(Reply { sub_refresh: Some(sub_refresh), ..Reply::default() })
    }
}
