//! `parlance app rotate-key`: new keys and secrets for an app, with an overlap.

use std::fmt::Write as _;
use std::time::Duration;

use parlance_core::{Caller, Error, Micros};
use parlance_proto::auth::{ApiKeyKind, RotateApiKeyRequest, RotateAppSecretRequest};
use parlance_rpc::Context;
use uuid::Uuid;

use crate::apps::with_auth;
use crate::config::Config;

/// What is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    SecretKey,
    PublicKey,
    /// The secret that signs tokens.
    Secret,
}

/// Renews a key or the secret of an app and says so for people; what was before goes on for `overlap`. A
/// server may run on the same data: it believes the new one at once and an old one for a few seconds more.
pub async fn rotate(config: &Config, app: Uuid, what: What, overlap: Duration) -> anyhow::Result<String> {
    let overlap_s = u32::try_from(overlap.as_secs()).unwrap_or(u32::MAX);
    let context = Context::new(Caller::service(app));
    let until = |at: Option<prost_types::Timestamp>| {
        at.as_ref().and_then(Micros::from_timestamp).unwrap_or_default().iso_millis()
    };
    let mut text = String::new();
    with_auth(config, async |mut auth| {
        if what == What::Secret {
            let request = context.request(RotateAppSecretRequest { overlap_s });
            let made = auth.rotate_app_secret(request).await.map_err(Error::from)?.into_inner();
            writeln!(text, "secret   {}", made.secret)?;
            writeln!(text, "Tokens signed with the secret before count until {}.", until(made.expire_at))?;
        } else {
            let kind = if what == What::PublicKey { ApiKeyKind::Public } else { ApiKeyKind::Secret };
            let request = context.request(RotateApiKeyRequest { kind: kind.into(), overlap_s });
            let made = auth.rotate_api_key(request).await.map_err(Error::from)?.into_inner();
            writeln!(text, "API key  {}", made.api_key)?;
            if made.expiring > 0 {
                let (number, at) = (made.expiring, until(made.expire_at));
                writeln!(text, "Older keys of this kind ({number}) stop at the latest at {at}.")?;
            }
        }
        Ok(())
    })
    .await?;
    Ok(text)
}

/// Reads `24h`, `30m`, `45s`, `7d` or `0`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("", 1)];
    let (unit, seconds) = units.into_iter().find(|(unit, _)| text.ends_with(unit)).unwrap_or(("", 1));
    let number: Option<u64> = text.strip_suffix(unit).and_then(|number| number.parse().ok());
    number
        .filter(|number| !unit.is_empty() || *number == 0)
        .and_then(|number| number.checked_mul(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "must be a time such as 24h, 30m, 45s, 7d, or 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_unless_it_is_nothing() {
        for (text, seconds) in [("0", 0), ("45s", 45), ("30m", 1800), ("24h", 86_400), ("7d", 604_800)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "24", "-1h", "1.5h", "24 h", "99999999999999999999d", "9999999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
