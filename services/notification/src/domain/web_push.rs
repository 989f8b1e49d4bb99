//! The keys of browsers: points of P-256.

/// Bytes of an uncompressed point.
const POINT_BYTES: usize = 65;

/// Whether these are a point of the curve, uncompressed.
pub fn is_public_key(bytes: &[u8]) -> bool {
    bytes.len() == POINT_BYTES && p256::PublicKey::from_sec1_bytes(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use crate::providers::web_push::{generate, public_key_of};

    use super::*;

    #[test]
    fn a_pair_belongs_together() {
        let pair = generate().unwrap();
        assert!(is_public_key(&public_key_of(&pair.private_key).unwrap()));
        assert!(public_key_of("AAAA").is_err());
        assert!(public_key_of("not base64!").is_err());
        assert!(!is_public_key(&[4; 65]) && !is_public_key(&[]));
    }
}
