//! API keys: 256 random bits, shown once, kept as a hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parlance_core::Result;
use sha2::{Digest as _, Sha256};

use super::{hex, random};

/// What a key may do; the number is what the table keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Kind {
    /// Everything in its app.
    Secret = 1,
    /// Names the app, may do nothing alone.
    Public = 2,
}

impl Kind {
    /// `None` if a later version wrote a kind that this one does not know.
    pub fn of(number: i16) -> Option<Self> {
        match number {
            1 => Some(Self::Secret),
            2 => Some(Self::Public),
            _ => None,
        }
    }
}

/// A new key; its beginning tells its kind.
pub fn generate(kind: Kind) -> Result<String> {
    let prefix = match kind {
        Kind::Secret => "sk",
        Kind::Public => "pk",
    };
    Ok(format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// A name for a key that is safe to log.
pub fn generate_name() -> Result<String> {
    Ok(format!("key_{}", hex(&random::<8>()?)))
}

/// What the table keeps of a key: its SHA-256 in hexadecimal.
pub fn hash(key: &str) -> String {
    hex(&Sha256::digest(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_hash_to_64_digits() {
        let (a, b) = (generate(Kind::Secret).unwrap(), generate(Kind::Secret).unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), 3 + 43);
        assert!(a.starts_with("sk_") && generate(Kind::Public).unwrap().starts_with("pk_"));
        assert_eq!(hash(&a).len(), 64);
        assert_ne!(hash(&a), hash(&b));
    }
}
