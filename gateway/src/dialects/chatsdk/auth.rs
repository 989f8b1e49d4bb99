//! Who calls: extractors that stand in handlers' argument lists (contract, section 1.1).
//!
//! | extractor | column of the contract | limit |
//! |---|---|---|
//! | [`Server`] | K: a secret API key | general |
//! | [`Issuer`] | K, on `POST /tokens` | tokens, by address, before anything is verified |
//! | [`ConnectIssuer`] | K, on `POST /api/auth/connect` with its own codes | tokens |
//! | [`Refresher`] | none: the refresh token says it all | tokens |
//! | [`User`] | U: a bearer token, and a key if `require_api_key` | general |
//! | [`Sender`] | U, on sends | sends |
//! | [`Declarer`] | U, where the user says whether he is there | general |
//!
//! Every call of a user but the last counts as activity.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use parlance_core::{Caller, Error, Num, Reason};
use parlance_proto::auth::TokenKind;
use parlance_rpc::{Context, metadata};
use uuid::Uuid;

use super::error::{Code, Failure};
use crate::config::ApiScope;
use crate::identity::{ApiKey, Identity, Token};
use crate::middleware::client_ip;
use crate::middleware::limits::Counted;
use crate::state::Edge;

/// The app's backend.
pub struct Server {
    pub app: Uuid,
    pub context: Context,
}

/// The app's backend, asking for tokens.
pub struct Issuer(pub Server);

/// The app's backend, asking for tokens by `POST /api/auth/connect`.
pub struct ConnectIssuer(pub Server);

/// Somebody who holds, or claims to hold, a refresh token.
pub struct Refresher {
    /// The bearer token, if one was sent.
    pub bearer: Option<String>,
    pub context: Context,
}

/// A signed-in user.
pub struct User {
    pub app: Uuid,
    pub num: Num,
    pub id: String,
    pub context: Context,
}

/// A signed-in user who says whether he is there: the call alone is no sign of it.
pub struct Declarer(pub User);

/// A signed-in user who sends a message.
pub struct Sender(pub User);

impl FromRequestParts<Edge> for Server {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        let key = secret_key(&parts.headers, edge.identity()).await?;
        edge.limits().api(Counted::Key(key.key_id.clone())).await?;
        Ok(server(&key, &parts.headers))
    }
}

impl FromRequestParts<Edge> for Issuer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        limit_issue(parts, edge).await?;
        let key = secret_key(&parts.headers, edge.identity()).await?;
        Ok(Self(server(&key, &parts.headers)))
    }
}

impl FromRequestParts<Edge> for ConnectIssuer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        limit_issue(parts, edge).await?;
        let own_code = match parts.headers.contains_key(metadata::API_KEY) {
            true => Code::InvalidApiKey,
            false => Code::MissingApiKey,
        };
        let key =
            secret_key(&parts.headers, edge.identity()).await.map_err(|failure| match failure.code {
                Code::Unauthorized => failure.with_code(own_code),
                _ => failure,
            })?;
        Ok(Self(server(&key, &parts.headers)))
    }
}

impl FromRequestParts<Edge> for Refresher {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        limit_issue(parts, edge).await?;
        let bearer = match bearer(&parts.headers) {
            Bearer::Token(token) => Some(token.to_owned()),
            Bearer::None | Bearer::Malformed => None,
        };
        // The refresh token names its app.
        let context = context(Caller::service(Uuid::nil()), &parts.headers);
        Ok(Self { bearer, context })
    }
}

impl FromRequestParts<Edge> for User {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        let Declarer(user) = Declarer::from_request_parts(parts, edge).await?;
        edge.activity().seen(edge.clock(), user.num, &user.context);
        Ok(user)
    }
}

impl FromRequestParts<Edge> for Declarer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        let (user, key) = signed_in(&parts.headers, edge).await?;
        // A user who comes without a key is counted alone: one client must not lock out its app.
        let who = match (edge.settings().rate_limits.api_scope, key) {
            (ApiScope::Key, Some(key)) => Counted::Key(key.key_id.clone()),
            _ => Counted::User(user.app, user.num),
        };
        edge.limits().api(who).await?;
        Ok(Self(user))
    }
}

impl FromRequestParts<Edge> for Sender {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Failure> {
        let (user, _) = signed_in(&parts.headers, edge).await?;
        edge.limits().send(user.app, user.num).await?;
        edge.activity().seen(edge.clock(), user.num, &user.context);
        Ok(Self(user))
    }
}

async fn limit_issue(parts: &Parts, edge: &Edge) -> Result<(), Failure> {
    let peer = client_ip::peer(&parts.extensions);
    Ok(edge.limits().token(edge.proxies().client(peer, &parts.headers)).await?)
}

fn server(key: &ApiKey, headers: &HeaderMap) -> Server {
    Server { app: key.app, context: context(Caller::app(key.app), headers) }
}

fn context(caller: Caller, headers: &HeaderMap) -> Context {
    Context::new(caller).with_trace(headers.get(metadata::TRACEPARENT).and_then(|value| value.to_str().ok()))
}

async fn secret_key(headers: &HeaderMap, identity: &Identity) -> Result<Arc<ApiKey>, Failure> {
    let key = presented_key(headers, identity)
        .await?
        .ok_or_else(|| Failure::new(Code::Unauthorized, "the header X-API-Key is missing"))?;
    if !key.secret {
        return Err(Failure::new(Code::Forbidden, "this call needs a secret API key"));
    }
    Ok(key)
}

/// The key that was sent, verified; `None` if none was.
async fn presented_key(headers: &HeaderMap, identity: &Identity) -> Result<Option<Arc<ApiKey>>, Failure> {
    let Some(value) = headers.get(metadata::API_KEY) else { return Ok(None) };
    // A key is text; what is not text is nobody's key.
    let text = value.to_str().map_err(|_| Error::new(Reason::ApiKeyInvalid, "invalid API key"))?;
    Ok(Some(identity.api_key(text).await?))
}

async fn signed_in(headers: &HeaderMap, edge: &Edge) -> Result<(User, Option<Arc<ApiKey>>), Failure> {
    let key = presented_key(headers, edge.identity()).await?;
    if key.is_none() && edge.settings().chatsdk.require_api_key {
        return Err(Failure::new(Code::Unauthorized, "the header X-API-Key is missing"));
    }
    let token = match bearer(headers) {
        Bearer::Token(token) => edge.identity().token(TokenKind::Access, token).await?,
        Bearer::None => {
            return Err(Failure::new(Code::Unauthorized, "the header Authorization is missing"));
        }
        Bearer::Malformed => {
            return Err(Failure::new(Code::InvalidToken, "Authorization must read Bearer <token>"));
        }
    };
    if key.as_ref().is_some_and(|key| key.app != token.app) {
        return Err(Failure::new(Code::Unauthorized, "the API key belongs to another app than the token"));
    }
    Ok((user(&token, headers), key))
}

fn user(token: &Token, headers: &HeaderMap) -> User {
    User {
        app: token.app,
        num: token.user_num,
        id: token.user_id.clone(),
        context: context(Caller::user(token.app, token.user_num), headers),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Bearer<'a> {
    None,
    Malformed,
    Token(&'a str),
}

fn bearer(headers: &HeaderMap) -> Bearer<'_> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Bearer::None };
    let Ok(text) = value.to_str() else { return Bearer::Malformed };
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => {
            Bearer::Token(token.trim())
        }
        _ => Bearer::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn only_a_bearer_token_is_a_token() {
        assert_eq!(bearer(&HeaderMap::new()), Bearer::None);
        assert_eq!(bearer(&headers("Bearer abc")), Bearer::Token("abc"));
        assert_eq!(bearer(&headers("bearer  abc ")), Bearer::Token("abc"));
        for malformed in ["", "Bearer", "Bearer ", "abc", "Basic abc"] {
            assert_eq!(bearer(&headers(malformed)), Bearer::Malformed, "{malformed:?}");
        }
    }
}
