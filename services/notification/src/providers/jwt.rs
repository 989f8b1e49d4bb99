//! Signed tokens (RFC 7515, 7519) with the two algorithms that push services ask for.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;
use parlance_core::{Error, Result};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

use super::Outcome;

/// An ES256 key.
pub(super) struct Es256(SigningKey);

impl Es256 {
    pub fn new(key: p256::SecretKey) -> Self {
        Self(key.into())
    }

    /// PEM, PKCS #8 (as Apple's `.p8` files are) or SEC 1.
    pub fn from_pem(field: &str, pem: &str) -> Result<Self> {
        let wrong = || Error::invalid(field, "must be the PEM of a P-256 private key");
        let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong())? {
            PrivateKeyDer::Pkcs8(der) => p256::SecretKey::from_pkcs8_der(der.secret_pkcs8_der()).ok(),
            PrivateKeyDer::Sec1(der) => p256::SecretKey::from_sec1_der(der.secret_sec1_der()).ok(),
            _ => None,
        };
        Ok(Self::new(key.ok_or_else(wrong)?))
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, Outcome> {
        seal(header, claims, |text| {
            let signature: Signature = self.0.try_sign(text).ok()?;
            Some(signature.to_bytes().to_vec())
        })
    }

    /// Uncompressed, 65 bytes.
    pub fn public_key(&self) -> Vec<u8> {
        self.0.verifying_key().to_encoded_point(false).as_bytes().to_vec()
    }
}

/// An RS256 key.
pub(super) struct Rs256(RsaKeyPair);

impl Rs256 {
    /// PEM, PKCS #8 (as in Google's service accounts) or PKCS #1; 2048 bits at least.
    pub fn from_pem(field: &str, pem: &str) -> Result<Self> {
        let wrong = || Error::invalid(field, "must be the PEM of an RSA private key of at least 2048 bits");
        let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong())? {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
            _ => None,
        };
        Ok(Self(key.ok_or_else(wrong)?))
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, Outcome> {
        seal(header, claims, |text| {
            let mut signature = vec![0; self.0.public().modulus_len()];
            self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).ok()?;
            Some(signature)
        })
    }
}

fn seal(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Result<String, Outcome> {
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let text = format!("{}.{}", part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()));
    let signature =
        sign(text.as_bytes()).ok_or_else(|| Outcome::refused("credentials", "the key signs nothing"))?;
    Ok(format!("{text}.{}", part(&signature)))
}
