#![doc = include_str!("../README.md")]

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use parlance_core::{Error, Result};
use rand::TryRngCore as _;
use uuid::Uuid;

const NONCE_BYTES: usize = 12;

/// Seals and opens secrets of apps. Sealed = nonce, then ciphertext with its tag; the app and the column
/// are authenticated with it, so that a value moved elsewhere does not open.
#[derive(Clone)]
pub struct SecretBox(Aes256Gcm);

impl std::fmt::Debug for SecretBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretBox(***)")
    }
}

impl SecretBox {
    /// A box under the master key.
    pub fn new(master_key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(master_key.into()))
    }

    /// Seals a secret for its place; twice sealed is never the same.
    pub fn seal(&self, app: Uuid, column: &str, secret: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        rand::rngs::OsRng.try_fill_bytes(&mut nonce).map_err(Error::internal)?;
        let payload = Payload { msg: secret, aad: &place(app, column) };
        let sealed = self
            .0
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| Error::internal("a secret could not be sealed"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Fails if the master key is another one, or the value was changed or moved.
    pub fn open(&self, app: Uuid, column: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        sealed
            .split_first_chunk::<NONCE_BYTES>()
            .and_then(|(nonce, sealed)| {
                let payload = Payload { msg: sealed, aad: &place(app, column) };
                self.0.decrypt(&Nonce::from(*nonce), payload).ok()
            })
            .ok_or_else(|| {
                Error::internal(
                    "a stored secret does not open: is auth.master_key the one it was sealed with?",
                )
            })
    }
}

fn place(app: Uuid, column: &str) -> Vec<u8> {
    [app.as_bytes(), column.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_only_in_its_place_and_with_its_key() {
        let app = Uuid::from_u128(1);
        let secrets = SecretBox::new(&[7; 32]);
        let sealed = secrets.seal(app, "access", b"secret").unwrap();
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
        assert_eq!(secrets.open(app, "access", &sealed).unwrap(), b"secret");
        assert!(secrets.open(app, "connection", &sealed).is_err());
        assert!(secrets.open(Uuid::from_u128(2), "access", &sealed).is_err());
        assert!(SecretBox::new(&[8; 32]).open(app, "access", &sealed).is_err());
        assert!(secrets.open(app, "access", &sealed[..5]).is_err());
    }
}
