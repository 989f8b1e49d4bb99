//! Tokens: what is signed, and when a signed text counts as a token.
//!
//! HS256 only. Access tokens are signed with the app's access secret, which its backend knows and may
//! sign with itself; connection and subscription tokens with the app's connection secret.

use jsonwebtoken::{Algorithm, EncodingKey, Header, Validation};
use parlance_core::{Error, Micros, Reason, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use uuid::Uuid;

use super::input;
use super::keys::AppKeys;

/// How far a backend's clock may be off.
const SKEW_S: i64 = 30;
/// Longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The end of year 9999: later expiries are cut to it, so that they can be shown.
const LAST_SECOND: i64 = 253_402_300_799;

/// Which of the three tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Access,
    Connection,
    Subscription,
}

/// What a token says, once its signature and shape are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub user_id: String,
    /// None in tokens that a backend signed itself, and in subscription tokens.
    pub session: Option<Uuid>,
    /// Unix seconds.
    pub issued_at: Option<i64>,
    /// Unix seconds.
    pub expires_at: i64,
    /// Subscription tokens only.
    pub channel: String,
}

#[derive(Serialize)]
struct AccessClaims<'a> {
    user_id: &'a str,
    app_id: Uuid,
    iat: i64,
    exp: i64,
    r#type: &'static str,
    sid: Uuid,
    jti: Uuid,
}

#[derive(Serialize)]
struct ConnectionClaims<'a> {
    sub: String,
    user_id: &'a str,
    app_id: Uuid,
    sid: Uuid,
    iat: i64,
    exp: i64,
}

#[derive(Serialize)]
struct SubscriptionClaims<'a> {
    sub: String,
    user_id: &'a str,
    channel: &'a str,
    app_id: Uuid,
    iat: i64,
    exp: i64,
}

/// Every claim that we look at, as a client may send it.
#[derive(Deserialize)]
struct PresentedClaims {
    user_id: Option<String>,
    sub: Option<String>,
    sid: Option<String>,
    channel: Option<String>,
    r#type: Option<String>,
    iat: Option<Number>,
    nbf: Option<Number>,
    exp: Option<Number>,
}

#[derive(Deserialize)]
struct AppClaim {
    app_id: Option<String>,
    sub: Option<String>,
}

/// Whom and what for a token is.
pub struct Subject<'a> {
    pub app: Uuid,
    pub user_id: &'a str,
}

impl Subject<'_> {
    fn sub(&self) -> String {
        format!("{}:{}", self.app, self.user_id)
    }
}

/// A bearer token for REST and gRPC.
pub fn sign_access(
    keys: &AppKeys,
    of: &Subject<'_>,
    session: Uuid,
    now: Micros,
    ttl_s: u32,
) -> Result<String> {
    let iat = now.secs();
    sign(
        &keys.access.encoding,
        &AccessClaims {
            user_id: of.user_id,
            app_id: of.app,
            iat,
            exp: iat + i64::from(ttl_s),
            r#type: "access",
            sid: session,
            jti: Uuid::new_v4(),
        },
    )
}

/// A realtime connection token.
pub fn sign_connection(
    keys: &AppKeys,
    of: &Subject<'_>,
    session: Uuid,
    now: Micros,
    ttl_s: u32,
) -> Result<String> {
    let iat = now.secs();
    sign(
        &keys.connection.encoding,
        &ConnectionClaims {
            sub: of.sub(),
            user_id: of.user_id,
            app_id: of.app,
            sid: session,
            iat,
            exp: iat + i64::from(ttl_s),
        },
    )
}

/// A realtime subscription token for one channel.
pub fn sign_subscription(
    keys: &AppKeys,
    of: &Subject<'_>,
    channel: &str,
    now: Micros,
    ttl_s: u32,
) -> Result<String> {
    let iat = now.secs();
    sign(
        &keys.connection.encoding,
        &SubscriptionClaims {
            sub: of.sub(),
            user_id: of.user_id,
            channel,
            app_id: of.app,
            iat,
            exp: iat + i64::from(ttl_s),
        },
    )
}

fn sign(key: &EncodingKey, claims: &impl Serialize) -> Result<String> {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, key).map_err(Error::internal)
}

/// The app that a token claims to be of. Nothing is verified yet: it only says which key to try.
pub fn app_of(token: &str) -> Result<Uuid> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(invalid());
    }
    let claim: AppClaim = jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| invalid())?;
    // Older connection tokens may name the app in `sub` alone. App ids have no colon.
    let text = match (&claim.app_id, &claim.sub) {
        (Some(app), _) => app.as_str(),
        (None, Some(sub)) => sub.split_once(':').map_or("", |(app, _)| app),
        (None, None) => "",
    };
    Uuid::try_parse(text).map_err(|_| invalid())
}

/// Checks signature, claims and times of a token that claims to be of `app`.
/// TOKEN_EXPIRED only if everything else is good.
pub fn verify(kind: Kind, keys: &AppKeys, app: Uuid, token: &str, now: Micros) -> Result<Claims> {
    let key = match kind {
        Kind::Access => &keys.access,
        Kind::Connection | Kind::Subscription => &keys.connection,
    };
    let (presented, until) = match verified::<PresentedClaims>(token, &key.decoding) {
        Ok(presented) => (presented, None),
        Err(refusal) => {
            let previous = keys.previous.as_ref().filter(|keys| now < keys.until).ok_or(refusal)?;
            let key = match kind {
                Kind::Access => &previous.access,
                Kind::Connection | Kind::Subscription => &previous.connection,
            };
            (verified(token, &key.decoding)?, Some(previous.until.secs()))
        }
    };
    let expires_at = presented.exp.as_ref().and_then(seconds).ok_or_else(invalid)?;
    let issued_at = optional_seconds(presented.iat.as_ref())?;
    let not_before = optional_seconds(presented.nbf.as_ref())?;
    let session = match &presented.sid {
        Some(sid) => Some(Uuid::try_parse(sid).map_err(|_| invalid())?),
        None => None,
    };
    let channel_is_as_it_must = match (kind, &presented.channel) {
        (Kind::Subscription, Some(channel)) => input::channel(channel).is_ok(),
        (Kind::Subscription, None) => false,
        (Kind::Connection, channel) => channel.is_none(),
        (Kind::Access, _) => true,
    };
    let type_is_as_it_must = match (kind, presented.r#type.as_deref()) {
        (_, None) | (Kind::Access, Some("access")) => true,
        (Kind::Access, Some(_)) => false,
        (Kind::Connection | Kind::Subscription, Some(other)) => other != "access",
    };
    let user_id = match kind {
        Kind::Access => presented.user_id.ok_or_else(invalid)?,
        Kind::Connection | Kind::Subscription => user_of(app, presented.user_id, presented.sub.as_deref())?,
    };
    let now = now.secs();
    let early = not_before.is_some_and(|at| at > now + SKEW_S);
    if !channel_is_as_it_must || !type_is_as_it_must || early || input::user_id(&user_id).is_err() {
        return Err(invalid());
    }
    let leeway = if kind == Kind::Access { SKEW_S } else { 0 };
    if now >= expires_at.saturating_add(leeway) {
        return Err(Error::new(Reason::TokenExpired, "the token has expired"));
    }
    Ok(Claims {
        user_id,
        session,
        issued_at,
        // Whoever remembers the answer must not do so for longer than its key counts.
        expires_at: until.map_or(expires_at, |until| until.min(expires_at)),
        channel: if kind == Kind::Subscription {
            presented.channel.unwrap_or_default()
        } else {
            String::new()
        },
    })
}

/// A token that does not count, whatever is wrong with it.
pub fn invalid() -> Error {
    Error::new(Reason::TokenInvalid, "the token is not valid")
}

fn verified<T: DeserializeOwned>(token: &str, key: &jsonwebtoken::DecodingKey) -> Result<T> {
    let mut validation = Validation::new(Algorithm::HS256);
    // Times are judged by our own clock; audience and issuer are not used.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let data = jsonwebtoken::decode::<T>(token, key, &validation).map_err(|_| invalid())?;
    // RFC 7515 §4.1.11: what must be understood and is not, makes the token invalid.
    if data.header.crit.is_some() { Err(invalid()) } else { Ok(data.claims) }
}

/// The user of a realtime token: `user_id`, or `sub` as `<app>:<user>` or as the bare user id.
/// If both are there they must agree.
fn user_of(app: Uuid, user_id: Option<String>, sub: Option<&str>) -> Result<String> {
    let of_sub = sub.map(|sub| match sub.split_once(':') {
        Some((prefix, user)) if Uuid::try_parse(prefix) == Ok(app) => user,
        _ => sub,
    });
    match (user_id, of_sub) {
        // A bare id that looks like `<app>:…` is still that id.
        (Some(user), Some(of_sub)) if of_sub == user || sub == Some(user.as_str()) => Ok(user),
        (Some(user), None) => Ok(user),
        (None, Some(of_sub)) => Ok(of_sub.to_owned()),
        _ => Err(invalid()),
    }
}

fn optional_seconds(number: Option<&Number>) -> Result<Option<i64>> {
    number.map(|number| seconds(number).ok_or_else(invalid)).transpose()
}

/// A NumericDate of RFC 7519: seconds, perhaps with a fraction.
fn seconds(number: &Number) -> Option<i64> {
    let seconds = match number.as_i64() {
        Some(whole) => whole,
        None => number.as_f64()?.clamp(-1.0, LAST_SECOND as f64) as i64,
    };
    Some(seconds.clamp(-1, LAST_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::keys::SigningKey;
    use serde_json::json;

    const NOW: Micros = Micros::from_secs(1_800_000_000);

    fn app() -> Uuid {
        Uuid::from_u128(1)
    }

    fn keys() -> AppKeys {
        AppKeys {
            access: SigningKey::new(b"access"),
            connection: SigningKey::new(b"connection"),
            previous: None,
        }
    }

    fn signed(algorithm: Algorithm, secret: &[u8], claims: serde_json::Value) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    fn reason(kind: Kind, token: &str) -> Reason {
        verify(kind, &keys(), app(), token, NOW).unwrap_err().reason
    }

    #[test]
    fn each_kind_verifies_as_itself_only() {
        let (keys, session) = (keys(), Uuid::new_v4());
        let of = Subject { app: app(), user_id: "google:7" };
        let tokens = [
            (Kind::Access, sign_access(&keys, &of, session, NOW, 60).unwrap()),
            (Kind::Connection, sign_connection(&keys, &of, session, NOW, 60).unwrap()),
            (Kind::Subscription, sign_subscription(&keys, &of, "chat:a:b", NOW, 60).unwrap()),
        ];
        for (is, token) in &tokens {
            assert_eq!(app_of(token).unwrap(), app());
            for kind in [Kind::Access, Kind::Connection, Kind::Subscription] {
                let verified = verify(kind, &keys, app(), token, NOW);
                if kind == *is {
                    let claims = verified.unwrap();
                    assert_eq!(claims.user_id, "google:7");
                    assert_eq!(claims.expires_at, NOW.secs() + 60);
                } else {
                    assert_eq!(verified.unwrap_err().reason, Reason::TokenInvalid, "{is:?} as {kind:?}");
                }
            }
        }
    }

    #[test]
    fn only_hs256_under_the_right_key_counts() {
        let claims = json!({"user_id": "u", "app_id": app(), "exp": NOW.secs() + 60});
        let good = signed(Algorithm::HS256, b"access", claims.clone());
        assert!(verify(Kind::Access, &keys(), app(), &good, NOW).is_ok());
        assert_eq!(
            reason(Kind::Access, &signed(Algorithm::HS512, b"access", claims.clone())),
            Reason::TokenInvalid
        );
        assert_eq!(
            reason(Kind::Access, &signed(Algorithm::HS256, b"other", claims.clone())),
            Reason::TokenInvalid
        );
        let payload = good.split('.').nth(1).unwrap();
        // {"alg":"none"} and {"alg":"RS256"}
        for header in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJSUzI1NiJ9"] {
            let signature = good.split('.').nth(2).unwrap();
            assert_eq!(reason(Kind::Access, &format!("{header}.{payload}.")), Reason::TokenInvalid);
            assert_eq!(
                reason(Kind::Access, &format!("{header}.{payload}.{signature}")),
                Reason::TokenInvalid
            );
        }
        for text in ["", "a", "a.b", "a.b.c", "a.b.c.d", &good[..good.len() - 2], &format!("{good}.x")] {
            assert_eq!(reason(Kind::Access, text), Reason::TokenInvalid, "{text}");
        }
    }

    #[test]
    fn claims_of_the_wrong_type_or_missing_are_invalid() {
        let exp = NOW.secs() + 60;
        for claims in [
            json!({"user_id": "u"}),
            json!({"exp": exp}),
            json!({"user_id": 1, "exp": exp}),
            json!({"user_id": "u", "exp": "soon"}),
            json!({"user_id": "u", "exp": null}),
            json!({"user_id": "", "exp": exp}),
            json!({"user_id": "a\u{0}", "exp": exp}),
            json!({"user_id": "u", "exp": exp, "iat": "x"}),
            json!({"user_id": "u", "exp": exp, "sid": "x"}),
            json!({"user_id": "u", "exp": exp, "type": "refresh"}),
            json!({"user_id": "u", "exp": exp, "nbf": NOW.secs() + 31}),
            json!([1]),
            json!("text"),
        ] {
            let token = signed(Algorithm::HS256, b"access", claims.clone());
            assert_eq!(reason(Kind::Access, &token), Reason::TokenInvalid, "{claims}");
        }
    }

    #[test]
    fn expiry_has_leeway_for_access_tokens_only() {
        let token = |secret: &[u8], exp: serde_json::Value| {
            signed(Algorithm::HS256, secret, json!({"user_id": "u", "exp": exp}))
        };
        let now = NOW.secs();
        assert!(verify(Kind::Access, &keys(), app(), &token(b"access", json!(now - 29)), NOW).is_ok());
        assert_eq!(reason(Kind::Access, &token(b"access", json!(now - 30))), Reason::TokenExpired);
        assert_eq!(reason(Kind::Access, &token(b"access", json!(-1e300))), Reason::TokenExpired);
        assert_eq!(reason(Kind::Connection, &token(b"connection", json!(now))), Reason::TokenExpired);
        let fraction = token(b"connection", json!(now as f64 + 1.5));
        assert!(verify(Kind::Connection, &keys(), app(), &fraction, NOW).is_ok());
        let far = verify(Kind::Access, &keys(), app(), &token(b"access", json!(u64::MAX)), NOW).unwrap();
        assert_eq!(far.expires_at, LAST_SECOND);
    }

    #[test]
    fn the_subject_may_be_written_with_or_without_the_app() {
        let exp = NOW.secs() + 60;
        let id = app().to_string();
        let check = |claims: serde_json::Value| {
            let token = signed(Algorithm::HS256, b"connection", claims);
            verify(Kind::Connection, &keys(), app(), &token, NOW).map(|claims| claims.user_id)
        };
        assert_eq!(check(json!({"sub": format!("{id}:a:b"), "exp": exp})).unwrap(), "a:b");
        assert_eq!(check(json!({"sub": "a:b", "exp": exp})).unwrap(), "a:b");
        assert_eq!(check(json!({"sub": "a", "user_id": "a", "exp": exp})).unwrap(), "a");
        assert_eq!(check(json!({"user_id": "a", "exp": exp})).unwrap(), "a");
        assert!(check(json!({"sub": format!("{id}:a"), "user_id": "b", "exp": exp})).is_err());
        assert!(check(json!({"exp": exp})).is_err());
        assert!(check(json!({"sub": "a", "channel": "chat:x", "exp": exp})).is_err());
        let token = signed(Algorithm::HS256, b"connection", json!({"sub": format!("{id}:a"), "exp": exp}));
        assert_eq!(app_of(&token).unwrap(), app());
    }
}
