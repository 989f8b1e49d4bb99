//! Who we are, to push services that know nobody: VAPID (RFC 8292).

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::HeaderValue;
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use parlance_core::{Error, Micros, Result};
use serde_json::json;
use url::Url;

use super::super::jwt::Es256;
use super::super::settings::Secret;
use super::super::{Common, Outcome};

/// How long a token is valid; push services take no more than 24 hours.
const VALID: Duration = Duration::from_secs(12 * 60 * 60);
/// A token is used for so long.
const REUSED: Duration = Duration::from_secs(6 * 60 * 60);
/// Push services whose tokens are kept.
const ORIGINS: u64 = 1_000;

/// A new pair for an app.
pub struct Pair {
    /// 65 bytes, uncompressed, base64url: `applicationServerKey` of the browser.
    pub public_key: String,
    /// 32 bytes, base64url: `secrets.private_key`.
    pub private_key: String,
}

/// Does not show the private key.
impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

pub(super) fn generate() -> Result<Pair> {
    let key = random_key().ok_or_else(|| Error::internal("no randomness for a key"))?;
    Ok(Pair {
        public_key: BASE64_URL_SAFE_NO_PAD.encode(key.public_key().to_encoded_point(false).as_bytes()),
        private_key: BASE64_URL_SAFE_NO_PAD.encode(key.to_bytes()),
    })
}

/// A private key as it stands in the secrets.
fn key_of(text: &str) -> Result<Es256> {
    let wrong = || {
        let what = "must be a P-256 private key: 32 bytes in base64url, or PEM";
        Error::invalid("secrets.private_key", what)
    };
    if text.starts_with("-----") {
        return Es256::from_pem("secrets.private_key", text);
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| wrong())?;
    Ok(Es256::new(SecretKey::from_slice(&bytes).map_err(|_| wrong())?))
}

/// 65 bytes, uncompressed: what belongs to a private key as it stands in the secrets.
pub(super) fn public_key_of(private_key: &str) -> Result<Vec<u8>> {
    Ok(key_of(private_key.trim())?.public_key())
}

pub(super) fn random_key() -> Option<SecretKey> {
    // All but a vanishing part of the numbers of 32 bytes are keys.
    (0..8).find_map(|_| SecretKey::from_slice(&random_bytes::<32>()?).ok())
}

pub(super) fn random_bytes<const N: usize>() -> Option<[u8; N]> {
    use rand::TryRngCore as _;
    let mut bytes = [0; N];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).ok()?;
    Some(bytes)
}

pub(super) struct Vapid {
    key: Es256,
    subject: String,
    common: Common,
    /// By origin.
    kept: moka::sync::Cache<String, (HeaderValue, Micros)>,
}

impl Vapid {
    pub fn new(subject: String, private_key: &Secret, common: &Common) -> Result<Self> {
        let key = key_of(private_key.expose())?;
        Ok(Self { key, subject, common: common.clone(), kept: moka::sync::Cache::new(ORIGINS) })
    }

    pub fn public_key(&self) -> Vec<u8> {
        self.key.public_key()
    }

    /// The `Authorization` for whoever `endpoint` belongs to.
    pub fn authorization(&self, endpoint: &Url) -> Result<HeaderValue, Outcome> {
        let origin = endpoint.origin().ascii_serialization();
        let now = self.common.now();
        if let Some((header, made)) = self.kept.get(&origin)
            && now.since(made) < REUSED
        {
            return Ok(header);
        }
        let token = self.key.sign(
            &json!({ "typ": "JWT", "alg": "ES256" }),
            &json!({ "aud": origin, "exp": (now + VALID).secs(), "sub": self.subject }),
        )?;
        let key = BASE64_URL_SAFE_NO_PAD.encode(self.public_key());
        let mut header = HeaderValue::try_from(format!("vapid t={token}, k={key}"))
            .map_err(|_| Outcome::refused("credentials", "the token is no header"))?;
        header.set_sensitive(true);
        self.kept.insert(origin, (header.clone(), now));
        Ok(header)
    }

    /// Forgets the token for `endpoint`'s service, so that the next try shows a new one.
    pub fn discard(&self, endpoint: &Url) {
        self.kept.invalidate(&endpoint.origin().ascii_serialization());
    }
}
