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
            // A clock that was set back would keep one from the future, which Apple refuses.
            && *made <= now
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
    use parlance_core::Clock;

    use super::*;

    #[derive(Debug)]
    struct SetBack(Mutex<Micros>);

    impl Clock for SetBack {
        fn now(&self) -> Micros {
            *self.0.lock()
        }
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_no_token_from_the_future() {
        let start = Micros::from_secs(1_790_000_000);
        let clock = Arc::new(SetBack(Mutex::new(start)));
        let common = Common::new(clock.clone(), Duration::from_secs(1), true).unwrap();
        let pem = p256::SecretKey::from_slice(&[7; 32]).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap();
        let key: Secret = serde_json::from_value(json!(pem.to_string())).unwrap();
        let token = ProviderToken::new("T".into(), "K".into(), &key, &common).unwrap();
        let first = token.get().unwrap();
        assert!(token.get().unwrap() == first);
        *clock.0.lock() = start - Duration::from_secs(3600);
        assert!(token.get().unwrap() != first);
    }
}
