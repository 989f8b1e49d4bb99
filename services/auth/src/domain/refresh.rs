//! Refresh tokens: `<session>.<secret>`, where each secret begets the next.
//!
//! The first secret of a session is random; the next one is computed from it under a key that only
//! the server has. So the table keeps one hash (of the newest secret) and the times of the latest
//! rotations, and yet a token that was used a moment ago leads to the newest one: every tab that
//! refreshes at the same time is given the same new token, and an old token is known for what it is.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parlance_core::{Micros, Result};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{hex, random};

/// How long a used token still counts, for tabs that refresh in parallel.
pub const GRACE: Duration = Duration::from_secs(30);
/// How long a refresh token lives, from its last rotation.
pub const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Times of rotations that are kept: as many as a client can make within [`GRACE`] by reason.
pub const KEPT_ROTATIONS: usize = 16;
/// How many rotations ago an old token is still recognised as a replay.
const MAX_STEPS: usize = 500;

/// The secret half of a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

/// Computes successors.
#[derive(Clone)]
pub struct Chain {
    key: [u8; 32],
}

/// What a presented secret turned out to be.
#[derive(Clone, PartialEq, Eq)]
pub enum Standing {
    /// The newest one: rotate.
    Current,
    /// Used within the grace period: here is the newest one.
    JustUsed { newest: Secret },
    /// Used before: somebody replays it.
    Replayed,
    /// Never was a token of this session.
    Unknown,
}

impl Secret {
    pub fn generate() -> Result<Self> {
        random().map(Self)
    }

    /// What the table keeps.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.0))
    }
}

impl Chain {
    pub fn new(master_key: &[u8; 32]) -> Self {
        Self { key: Sha256::new().chain_update(b"refresh chain").chain_update(master_key).finalize().into() }
    }

    /// The secret that follows. Both inputs have a fixed length, so a plain hash is a sound MAC here.
    pub fn next(&self, secret: &Secret) -> Secret {
        Secret(Sha256::new().chain_update(self.key).chain_update(secret.0).finalize().into())
    }

    /// Judges a presented secret by the newest hash and the times of the rotations, newest first.
    pub fn standing(
        &self,
        presented: &Secret,
        newest_hash: &str,
        rotations: &[i64],
        now: Micros,
    ) -> Standing {
        if presented.hash() == newest_hash {
            return Standing::Current;
        }
        let mut secret = presented.clone();
        for step in 0..MAX_STEPS {
            secret = self.next(&secret);
            if secret.hash() == newest_hash {
                return match rotations.get(step) {
                    Some(&at) if now.since(Micros(at)) <= GRACE => Standing::JustUsed { newest: secret },
                    _ => Standing::Replayed,
                };
            }
        }
        Standing::Unknown
    }
}

/// The text of a token.
pub fn format(session: Uuid, secret: &Secret) -> String {
    format!("{}.{}", session.simple(), URL_SAFE_NO_PAD.encode(secret.0))
}

/// Session and secret of a token; `None` if it is not shaped like one.
pub fn parse(token: &str) -> Option<(Uuid, Secret)> {
    let (session, secret) = token.split_once('.')?;
    let session = (session.len() == 32).then(|| Uuid::try_parse(session).ok())??;
    let secret = URL_SAFE_NO_PAD.decode(secret).ok()?;
    Some((session, Secret(secret.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip_and_other_texts_do_not_parse() {
        let (session, secret) = (Uuid::new_v4(), Secret::generate().unwrap());
        let token = format(session, &secret);
        assert!(parse(&token) == Some((session, secret)));
        for wrong in ["", ".", "a.b", &token[1..], &format!("{token}x"), &token.replace('.', "")] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_stands_by_its_age() {
        let chain = Chain::new(&[1; 32]);
        let first = Secret::generate().unwrap();
        let second = chain.next(&first);
        let third = chain.next(&second);
        let newest = third.hash();
        let now = Micros::from_secs(1_000);
        let rotations = [Micros::from_secs(990).0, Micros::from_secs(960).0];
        assert!(chain.standing(&third, &newest, &rotations, now) == Standing::Current);
        assert!(chain.standing(&second, &newest, &rotations, now) == Standing::JustUsed { newest: third });
        assert!(chain.standing(&first, &newest, &rotations, now) == Standing::Replayed);
        let foreign = Secret::generate().unwrap();
        assert!(chain.standing(&foreign, &newest, &rotations, now) == Standing::Unknown);
        let other_key = Chain::new(&[2; 32]);
        assert!(other_key.standing(&first, &newest, &rotations, now) == Standing::Unknown);
    }
}
