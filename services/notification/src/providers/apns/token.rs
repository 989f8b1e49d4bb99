//! The provider token: says to Apple who we are. Apple wants a new one at least every hour, and no more often
//! than every 20 minutes.

use std::time::Duration;

use http::HeaderValue;
use parking_lot::Mutex;
use parlance_core::{Micros, Result};
use serde_json::json;

use super::super::jwt::Es256;
use super::super::settings::Secret;
use super::super::{Common, Outcome};

const RENEW_AFTER: Duration = Duration::from_secs(40 * 60);

pub(super) struct ProviderToken {
    team_id: String,
    key_id: String,
    key: Es256,
    common: Common,
    kept: Mutex<Option<(HeaderValue, Micros)>>,
}

impl ProviderToken {
    pub fn new(team_id: String, key_id: String, private_key: &Secret, common: &Common) -> Result<Self> {
        let key = Es256::from_pem("secrets.private_key", private_key.expose())?;
        Ok(Self { team_id, key_id, key, common: common.clone(), kept: Mutex::new(None) })
    }

    pub fn get(&self) -> Result<HeaderValue, Outcome> {
        let now = self.common.now();
        let mut kept = self.kept.lock();
        if let Some((token, made)) = &*kept
            && now.since(*made) < RENEW_AFTER
        {
            return Ok(token.clone());
        }
        let token = self.key.sign(
            &json!({ "alg": "ES256", "kid": self.key_id }),
            &json!({ "iss": self.team_id, "iat": now.secs() }),
        )?;
        let mut header = HeaderValue::try_from(format!("bearer {token}"))
            .map_err(|_| Outcome::refused("credentials", "the token is no header"))?;
        header.set_sensitive(true);
        *kept = Some((header.clone(), now));
        Ok(header)
    }

    /// Throws `token` away, unless it has been replaced already.
    pub fn discard(&self, token: &HeaderValue) {
        let mut kept = self.kept.lock();
        if kept.as_ref().is_some_and(|(held, _)| held == token) {
            *kept = None;
        }
    }
}
