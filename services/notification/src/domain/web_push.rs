//! The keys of Web Push: points of P-256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::DecodePrivateKey as _;
use p256::{PublicKey, SecretKey};

/// Bytes of an uncompressed point.
const POINT_BYTES: usize = 65;

/// Whether these are a point of the curve, uncompressed.
pub fn is_public_key(bytes: &[u8]) -> bool {
    bytes.len() == POINT_BYTES && PublicKey::from_sec1_bytes(bytes).is_ok()
}

/// A new pair: the public key (65 bytes) and the private one (base64url of 32 bytes).
pub fn new_pair() -> (Vec<u8>, String) {
    let secret = SecretKey::random(&mut p256::elliptic_curve::rand_core::OsRng);
    (point_of(&secret), URL_SAFE_NO_PAD.encode(secret.to_bytes()))
}

/// The public key that belongs to a private one (base64url, or PEM); `None` if that is none.
pub fn public_key_of(private_key: &str) -> Option<Vec<u8>> {
    let secret = if private_key.starts_with("-----") {
        SecretKey::from_pkcs8_pem(private_key).ok().or_else(|| SecretKey::from_sec1_pem(private_key).ok())
    } else {
        let bytes = URL_SAFE_NO_PAD.decode(private_key.trim_end_matches('=')).ok()?;
        SecretKey::from_slice(&bytes).ok()
    };
    secret.map(|secret| point_of(&secret))
}

fn point_of(secret: &SecretKey) -> Vec<u8> {
    secret.public_key().to_encoded_point(false).as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_belongs_together() {
        let (public_key, private_key) = new_pair();
        assert!(is_public_key(&public_key));
        assert_eq!(public_key_of(&private_key), Some(public_key));
        assert_eq!(public_key_of("AAAA"), None);
        assert_eq!(public_key_of("not base64!"), None);
    }
}
