//! Who calls a service from outside: an API key, a user token, or a key that names a user.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use parlance_core::{Actor, Caller, Error, Reason, Result};
use parlance_proto::auth::{ApiKeyKind, GetUsersRequest, TokenKind, VerifyApiKeyRequest, VerifyTokenRequest};
use parlance_rpc::{AuthClient, Authenticate, Context, Credentials};
use uuid::Uuid;

/// A caller is believed for this long without asking again; what is revoked ends within it.
const BELIEVED_FOR: Duration = Duration::from_secs(5);
const CAPACITY: u64 = 10_000;

type Key = (Option<String>, Option<String>, Option<String>);

/// Asks the auth service, and remembers whom it knew.
pub(crate) fn authenticate(auth: AuthClient) -> Authenticate {
    let known: Cache<Key, Caller> =
        Cache::builder().max_capacity(CAPACITY).time_to_live(BELIEVED_FOR).build();
    Arc::new(move |credentials| {
        let (known, auth) = (known.clone(), auth.clone());
        Box::pin(async move {
            let Credentials { api_key, token, act_as } = credentials;
            let key = (api_key, token, act_as);
            known
                .try_get_with_by_ref(&key, caller(&auth, &key))
                .await
                .map_err(|error: Arc<Error>| Error::clone(&error))
        })
    })
}

async fn caller(auth: &AuthClient, credentials: &Key) -> Result<Caller> {
    let (api_key, token, act_as) = credentials;
    let of_key = match api_key {
        Some(api_key) => Some(verify_key(auth, api_key).await?),
        None => None,
    };
    match (of_key, token, act_as) {
        (of_key, Some(token), None) => {
            let of_token = verify_token(auth, token).await?;
            match of_key {
                Some(of_key) if of_key.app != of_token.app => {
                    Err(Error::new(Reason::ApiKeyInvalid, "the API key and the token are of different apps"))
                }
                _ => Ok(of_token),
            }
        }
        (Some(of_key), None, None) => Ok(of_key),
        (Some(of_key), None, Some(id)) => act_as_user(auth, of_key, id).await,
        (_, Some(_), Some(_)) => {
            Err(Error::new(Reason::NotAllowed, "a token says who acts: send no user id beside it"))
        }
        (None, None, _) => Err(Error::new(
            Reason::CredentialsMissing,
            "send an API key (x-api-key) or a user token (authorization: Bearer)",
        )),
    }
}

async fn verify_key(auth: &AuthClient, api_key: &str) -> Result<Caller> {
    let question = VerifyApiKeyRequest { api_key: api_key.to_owned() };
    let answer = auth.clone().verify_api_key(anonymous(question)).await?.into_inner();
    let actor = match answer.kind() {
        ApiKeyKind::Secret => Actor::App,
        ApiKeyKind::Public | ApiKeyKind::Unspecified => Actor::Public,
    };
    Ok(Caller { app: app(&answer.app_id)?, actor, trusted: false })
}

async fn verify_token(auth: &AuthClient, token: &str) -> Result<Caller> {
    let question = VerifyTokenRequest { token: token.to_owned(), kind: TokenKind::Access.into() };
    let answer = auth.clone().verify_token(anonymous(question)).await?.into_inner();
    Ok(Caller { app: app(&answer.app_id)?, actor: Actor::User { num: answer.user_num }, trusted: false })
}

/// The app's backend names the user that it acts for.
async fn act_as_user(auth: &AuthClient, backend: Caller, id: &str) -> Result<Caller> {
    if backend.actor != Actor::App {
        return Err(Error::new(Reason::NotAllowed, "only a secret API key may act for a user"));
    }
    let question = GetUsersRequest { ids: vec![id.to_owned()], nums: Vec::new() };
    let request = Context::new(Caller::service(backend.app)).request(question);
    let users = auth.clone().get_users(request).await?.into_inner().users;
    match users.first() {
        Some(user) => Ok(Caller { actor: Actor::User { num: user.num }, ..backend }),
        None => Err(Error::new(Reason::UserNotFound, "the user that the key acts for does not exist")),
    }
}

/// A question of our own, asked before an app is known.
fn anonymous<T>(message: T) -> tonic::Request<T> {
    Context::new(Caller::service(Uuid::nil())).request(message)
}

fn app(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(Error::internal)
}
