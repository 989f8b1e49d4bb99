//! API keys and tokens, verified by auth and remembered by hash for a short while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;
use parlance_core::{Caller, Clock, Error, Micros, Num, Reason, Result};
use parlance_proto::auth::{ApiKeyKind, TokenKind, VerifyApiKeyRequest, VerifyTokenRequest};
use parlance_rpc::{AuthClient, Context};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const CAPACITY: u64 = 100_000;
/// Longest time for which the verification of a token is believed without asking again.
const LIFE: Duration = Duration::from_secs(60);
/// The same for an API key: nothing tells us when one is rotated away.
const KEY_LIFE: Duration = Duration::from_secs(5);
/// Longest key or token that is looked at, in bytes.
const MAX_LENGTH: usize = 8 * 1024;

type Hash = [u8; 32];

/// Whose API key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub app: Uuid,
    /// May act for the whole app; otherwise the key only names the app.
    pub secret: bool,
    /// Name of the key that is safe to log and to count by.
    pub key_id: String,
}

/// What a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub app: Uuid,
    pub user_num: Num,
    pub user_id: String,
    /// Empty for tokens that a backend signed itself.
    pub session_id: String,
    pub issued_at: Micros,
    /// `None` = never.
    pub expires_at: Option<Micros>,
    /// Subscription tokens: the realtime channel.
    pub channel: String,
}

#[derive(Clone)]
struct Verified {
    token: Arc<Token>,
    asked_at: Instant,
}

/// Verifies credentials. Secrets are kept as hashes only.
pub struct Identity {
    auth: AuthClient,
    clock: Arc<dyn Clock>,
    keys: Cache<Hash, Arc<ApiKey>>,
    tokens: Cache<Hash, Verified>,
    /// Users whose verifications before an instant no longer count; outlives every cached one.
    forgotten: Cache<Num, Instant>,
}

impl Identity {
    pub fn new(auth: AuthClient, clock: Arc<dyn Clock>) -> Self {
        Self {
            auth,
            clock,
            keys: Cache::builder().max_capacity(CAPACITY).time_to_live(KEY_LIFE).build(),
            tokens: Cache::builder().max_capacity(CAPACITY).time_to_live(LIFE).build(),
            forgotten: Cache::builder().time_to_live(LIFE * 2).build(),
        }
    }

    /// The app of an API key; `ApiKeyInvalid` if it is nobody's.
    pub async fn api_key(&self, key: &str) -> Result<Arc<ApiKey>> {
        if key.is_empty() || key.len() > MAX_LENGTH {
            return Err(Error::new(Reason::ApiKeyInvalid, "invalid API key"));
        }
        let hash = hash_of(0, key);
        if let Some(known) = self.keys.get(&hash) {
            return Ok(known);
        }
        let request = service().request(VerifyApiKeyRequest { api_key: key.to_owned() });
        let reply = self.auth.clone().verify_api_key(request).await?.into_inner();
        let key = Arc::new(ApiKey {
            app: app_of(&reply.app_id)?,
            secret: reply.kind() == ApiKeyKind::Secret,
            key_id: reply.key_id,
        });
        self.keys.insert(hash, key.clone());
        Ok(key)
    }

    /// The user of a token of one kind; `TokenInvalid`, `TokenExpired` or `TokenRevoked` otherwise.
    pub async fn token(&self, kind: TokenKind, token: &str) -> Result<Arc<Token>> {
        if token.is_empty() || token.len() > MAX_LENGTH {
            return Err(Error::new(Reason::TokenInvalid, "invalid token"));
        }
        let hash = hash_of(kind as u8, token);
        if let Some(known) = self.tokens.get(&hash)
            && self.still_counts(&known)
        {
            return Ok(known.token);
        }
        let asked_at = Instant::now();
        let request = service().request(VerifyTokenRequest { token: token.to_owned(), kind: kind.into() });
        let reply = self.auth.clone().verify_token(request).await?.into_inner();
        let token = Arc::new(Token {
            app: app_of(&reply.app_id)?,
            user_num: reply.user_num,
            user_id: reply.user_id,
            session_id: reply.session_id,
            issued_at: reply.issued_at.as_ref().and_then(Micros::from_timestamp).unwrap_or_default(),
            expires_at: reply.expires_at.as_ref().and_then(Micros::from_timestamp),
            channel: reply.channel,
        });
        self.tokens.insert(hash, Verified { token: token.clone(), asked_at });
        Ok(token)
    }

    /// Asks anew about every token of a user: he is gone, or a session of his was revoked.
    pub fn forget_user(&self, num: Num) {
        self.forgotten.insert(num, Instant::now());
    }

    fn still_counts(&self, known: &Verified) -> bool {
        let expired = known.token.expires_at.is_some_and(|at| at <= self.clock.now());
        let forgotten = self.forgotten.get(&known.token.user_num).is_some_and(|at| known.asked_at <= at);
        !expired && !forgotten
    }
}

/// The app is not known before the answer.
fn service() -> Context {
    Context::new(Caller::service(Uuid::nil()))
}

fn app_of(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| Error::internal("auth named an app by something else than a UUID"))
}

fn hash_of(kind: u8, secret: &str) -> Hash {
    Sha256::new().chain_update([kind]).chain_update(secret).finalize().into()
}
