//! Reads tokens with another implementation than the one that signs them.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde_json::Value;

use super::keys;

/// Header and claims, if the signature is right. Times are for the caller to judge, by his own clock.
fn verify(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<(Header, Value)> {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let header = decode_header(token).ok()?;
    let claims = decode::<Value>(token, key, &validation).ok()?.claims;
    Some((header, claims))
}

/// `public`: 65 bytes, uncompressed.
pub fn es256(token: &str, public: &[u8]) -> Option<(Header, Value)> {
    let part = |range| BASE64_URL_SAFE_NO_PAD.encode(&public[range]);
    let key = DecodingKey::from_ec_components(&part(1..33), &part(33..65)).unwrap();
    verify(token, &key, Algorithm::ES256)
}

/// By the RSA key of these tests.
pub fn rs256(token: &str) -> Option<(Header, Value)> {
    let key = DecodingKey::from_rsa_components(keys::RSA_N, keys::RSA_E).unwrap();
    verify(token, &key, Algorithm::RS256)
}
