//! The two secrets of an app, ready to sign and to verify.

use jsonwebtoken::{DecodingKey, EncodingKey};
use parlance_core::{Micros, Result};
use sha2::{Digest as _, Sha256};

use super::{hex, random};

/// One secret in the two forms that the JWT library wants.
pub struct SigningKey {
    pub encoding: EncodingKey,
    pub decoding: DecodingKey,
}

impl SigningKey {
    /// The key is the text's bytes, as backends that mint their own tokens expect.
    pub fn new(secret: &[u8]) -> Self {
        Self { encoding: EncodingKey::from_secret(secret), decoding: DecodingKey::from_secret(secret) }
    }
}

/// The keys of an app: one per kind of token, so that a token of one kind is none of the other.
pub struct AppKeys {
    pub access: SigningKey,
    pub connection: SigningKey,
    /// Those before, while their tokens still count.
    pub previous: Option<PreviousKeys>,
}

/// The keys that an app had before a rotation.
pub struct PreviousKeys {
    pub access: SigningKey,
    pub connection: SigningKey,
    /// From then on they count no more.
    pub until: Micros,
}

/// A new secret: 256 random bits in hexadecimal.
pub fn generate() -> Result<String> {
    Ok(hex(&random::<32>()?))
}

/// The connection secret of an app whose secret was chosen: fixed by it, yet another one.
pub fn connection_secret_of(secret: &str) -> String {
    hex(&Sha256::new().chain_update(secret).chain_update(":connection").finalize())
}
