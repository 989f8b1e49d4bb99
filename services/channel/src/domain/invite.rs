//! What an invite is: a secret of 64 hexadecimal digits, of which only the hash is kept.

use std::collections::BTreeSet;
use std::time::Duration;

use parlance_core::{Error, Result};
use rand::TryRngCore as _;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Most addresses in one call.
const MAX_EMAILS: usize = 50;
const MAX_EMAIL: usize = 255;
const MAX_USES: u32 = 1000;
const MAX_DAYS: u32 = 30;
const USUAL_DAYS: u32 = 7;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A new token.
pub fn token() -> Result<String> {
    let mut bytes = [0; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(Error::internal)?;
    Ok(hex(&bytes))
}

/// By what an invite is found.
pub fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// By what the address that an invite is bound to is known again; letter case tells no two apart.
pub fn email_hash(app: Uuid, email: &str) -> String {
    hex(&Sha256::new().chain_update(app).chain_update(email.trim().to_lowercase()).finalize())
}

/// How often a link can be used: 1 to 1000, 0 = as often as one likes.
pub fn uses(asked: u32) -> Result<i32> {
    i32::try_from(asked)
        .ok()
        .filter(|_| asked <= MAX_USES)
        .ok_or_else(|| Error::invalid("max_uses", format!("must be between 1 and {MAX_USES}")))
}

/// How long an invite holds: 1 to 30 days, 0 = 7.
pub fn life(days: u32) -> Result<Duration> {
    match days {
        0 => Ok(DAY * USUAL_DAYS),
        1..=MAX_DAYS => Ok(DAY * days),
        _ => Err(Error::invalid("expires_in_days", format!("must be between 1 and {MAX_DAYS}"))),
    }
}

/// Addresses in the order given, each once. INVALID_ARGUMENT if there are more than 50 or one is none.
pub fn emails(given: Vec<String>) -> Result<Vec<String>> {
    if given.len() > MAX_EMAILS {
        return Err(Error::invalid("emails", format!("must hold at most {MAX_EMAILS} addresses")));
    }
    let mut seen = BTreeSet::new();
    let mut emails = Vec::with_capacity(given.len());
    for (index, email) in given.into_iter().enumerate() {
        let email = email.trim();
        if !is_email(email) {
            return Err(Error::invalid(&format!("emails[{index}]"), "must be an e-mail address"));
        }
        if seen.insert(email.to_lowercase()) {
            emails.push(email.to_owned());
        }
    }
    Ok(emails)
}

/// Something, an `@`, a host with a dot; no blanks. Whether it takes mail, only mail can tell.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let labels = host.split('.');
    text.chars().count() <= MAX_EMAIL
        && !local.is_empty()
        && host.contains('.')
        && labels.clone().all(|label| !label.is_empty())
        && !local.contains('@')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_64_digits_and_never_the_same() {
        let (one, other) = (token().unwrap(), token().unwrap());
        assert!(one.len() == 64 && one.chars().all(|c| c.is_ascii_hexdigit()));
        assert_ne!(one, other);
        assert_ne!(hash(&one), one);
    }

    #[test]
    fn addresses_are_known_again_in_any_case_and_in_one_app_only() {
        let app = Uuid::from_u128(1);
        assert_eq!(email_hash(app, " Ann@Example.org"), email_hash(app, "ann@example.org"));
        assert_ne!(email_hash(app, "ann@example.org"), email_hash(Uuid::from_u128(2), "ann@example.org"));
    }

    #[test]
    fn addresses_are_folded_and_wrong_ones_are_refused() {
        let given = |list: &[&str]| emails(list.iter().map(|&text| text.to_owned()).collect());
        assert_eq!(given(&["a@b.c", "A@B.C", "d@b.c"]).unwrap(), ["a@b.c", "d@b.c"]);
        for wrong in ["", "a", "@b.c", "a@b", "a@.c", "a@b.", "a b@c.d", "a@b@c.d"] {
            assert!(given(&[wrong]).is_err(), "{wrong}");
        }
        assert!(emails(vec!["a@b.c".to_owned(); 51]).is_err());
    }

    #[test]
    fn uses_and_days_stay_within_their_bounds() {
        assert_eq!((uses(0).unwrap(), uses(1000).unwrap()), (0, 1000));
        assert!(uses(1001).is_err() && uses(u32::MAX).is_err());
        assert_eq!(life(0).unwrap(), life(7).unwrap());
        assert!(life(30).is_ok() && life(31).is_err());
    }
}
