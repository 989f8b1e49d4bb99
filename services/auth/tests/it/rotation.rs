use std::sync::Arc;
use std::time::Duration;

use parlance_core::{Caller, Reason};
use parlance_proto::auth::*;
use serde_json::json;
use uuid::Uuid;

use crate::fixture::{App, Auth, auth, reason, service, service_of};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn rotate(auth: &Auth, app: &App, kind: ApiKeyKind, overlap: Duration) -> RotateApiKeyResponse {
    let request = RotateApiKeyRequest { kind: kind.into(), overlap_s: overlap.as_secs() as u32 };
    auth.client().rotate_api_key(service_of(app, request)).await.unwrap().into_inner()
}

async fn kind_of(auth: &Auth, key: &str) -> Result<ApiKeyKind, Reason> {
    let request = VerifyApiKeyRequest { api_key: key.into() };
    match auth.client().verify_api_key(service(request)).await {
        Ok(response) => Ok(response.into_inner().kind()),
        Err(status) => Err(parlance_core::Error::from(status).reason),
    }
}

async fn rotate_secret(auth: &Auth, app: &App, overlap: Duration) -> App {
    let request = RotateAppSecretRequest { overlap_s: overlap.as_secs() as u32 };
    let rotated = auth.client().rotate_app_secret(service_of(app, request)).await.unwrap().into_inner();
    App { id: app.id, api_key: app.api_key.clone(), secret: rotated.secret }
}

pub async fn keys_run_out(auth: &Auth) {
    let (app, other) = (auth.app().await, auth.app().await);
    let second = rotate(auth, &app, ApiKeyKind::Secret, DAY).await;
    assert_eq!((second.expiring, second.expire_at), (1, Some((auth.now() + DAY).timestamp())));
    for key in [&app.api_key, &second.api_key, &other.api_key] {
        assert_eq!(kind_of(auth, key).await, Ok(ApiKeyKind::Secret));
    }
    // A later rotation does not lengthen the life of what runs out already.
    auth.clock.advance(DAY / 2);
    let third = rotate(auth, &app, ApiKeyKind::Secret, DAY).await;
    assert_eq!(third.expiring, 2);
    auth.clock.advance(DAY / 2);
    assert_eq!(kind_of(auth, &app.api_key).await, Err(Reason::ApiKeyInvalid));
    assert!(kind_of(auth, &second.api_key).await.is_ok());
    auth.clock.advance(DAY / 2);
    assert_eq!(kind_of(auth, &second.api_key).await, Err(Reason::ApiKeyInvalid));
    assert!(kind_of(auth, &third.api_key).await.is_ok() && kind_of(auth, &other.api_key).await.is_ok());
}

pub async fn secrets_run_out(auth: &Auth) {
    let app = auth.app().await;
    let user = auth.user(&app, "u").await;
    let tokens = auth.issue(&app, &user).await;
    let rotated = rotate_secret(auth, &app, DAY).await;
    assert_ne!(rotated.secret, app.secret);

    let exp = auth.now().secs() + 3 * DAY.as_secs() as i64;
    let claims = json!({"user_id": "u", "app_id": app.id, "exp": exp});
    for token in [&tokens.access_token, &app.mint(claims.clone()), &rotated.mint(claims.clone())] {
        assert_eq!(auth.verify(TokenKind::Access, token).await.unwrap().user_num, user.num);
    }
    assert!(auth.verify(TokenKind::Connection, &tokens.connection_token).await.is_ok());
    // Whoever remembers that a token is good must forget it when its secret stops.
    let old = auth.verify(TokenKind::Access, &app.mint(claims.clone())).await.unwrap();
    assert_eq!(old.expires_at, Some((auth.now() + DAY).timestamp()));
    assert_eq!(auth.verify(TokenKind::Access, &tokens.connection_token).await, Err(Reason::TokenInvalid));

    // Tokens issued from now on are of the new secret; a session goes on over the rotation.
    let renewed = auth.refresh(&tokens.refresh_token).await.unwrap();
    auth.clock.advance(DAY);
    assert_eq!(auth.verify(TokenKind::Access, &app.mint(claims.clone())).await, Err(Reason::TokenInvalid));
    let expired = auth.verify(TokenKind::Access, &renewed.access_token).await;
    assert_eq!(expired, Err(Reason::TokenExpired), "its signature is good");
    assert!(auth.verify(TokenKind::Access, &rotated.mint(claims)).await.is_ok());
}

#[tokio::test]
async fn older_keys_go_on_for_the_overlap_and_then_stop() {
    let auth = auth().await;
    keys_run_out(&auth).await;
}

#[tokio::test]
async fn tokens_of_the_secret_before_count_for_the_overlap() {
    let auth = auth().await;
    secrets_run_out(&auth).await;
}

#[tokio::test]
async fn without_overlap_older_keys_and_secrets_stop_at_once() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "u").await;
    let tokens = auth.issue(&app, &user).await;
    let key = rotate(&auth, &app, ApiKeyKind::Unspecified, Duration::ZERO).await;
    assert_eq!(key.expiring, 1);
    assert_eq!(kind_of(&auth, &app.api_key).await, Err(Reason::ApiKeyInvalid));
    assert_eq!(kind_of(&auth, &key.api_key).await, Ok(ApiKeyKind::Secret));
    rotate_secret(&auth, &app, Duration::ZERO).await;
    assert_eq!(auth.verify(TokenKind::Access, &tokens.access_token).await, Err(Reason::TokenInvalid));
    let connection = auth.verify(TokenKind::Connection, &tokens.connection_token).await;
    assert_eq!(connection, Err(Reason::TokenInvalid));
}

#[tokio::test]
async fn a_public_key_is_made_beside_the_secret_ones() {
    let auth = auth().await;
    let app = auth.app().await;
    let public = rotate(&auth, &app, ApiKeyKind::Public, Duration::ZERO).await;
    assert_eq!(public.expiring, 0);
    assert!(public.api_key.starts_with("pk_"));
    assert_eq!(kind_of(&auth, &public.api_key).await, Ok(ApiKeyKind::Public));
    assert_eq!(kind_of(&auth, &app.api_key).await, Ok(ApiKeyKind::Secret));
}

#[tokio::test]
async fn another_process_believes_a_new_secret_without_waiting() {
    let auth = auth().await;
    let app = auth.app().await;
    auth.user(&app, "u").await;
    let other = Auth::with_clock(&auth.store, Arc::clone(&auth.clock)).await;
    let claims = json!({"user_id": "u", "app_id": app.id, "exp": auth.now().secs() + 60});
    // It remembers the keys from before.
    assert!(other.verify(TokenKind::Access, &app.mint(claims.clone())).await.is_ok());
    let rotated = rotate_secret(&auth, &app, DAY).await;
    let token = rotated.mint(claims);
    let ask = async || other.verify(TokenKind::Access, &token).await;
    parlance_testkit::wait_until("the new secret is believed", ask, Result::is_ok).await.unwrap();
}

#[tokio::test]
async fn rotation_is_for_services_and_apps_that_exist() {
    let auth = auth().await;
    let app = auth.app().await;
    let nobody = App { id: Uuid::new_v4(), api_key: String::new(), secret: String::new() };
    let key = RotateApiKeyRequest::default;
    let secret = RotateAppSecretRequest::default;
    let mut client = auth.client();
    assert_eq!(reason(client.rotate_api_key(service_of(&nobody, key()))).await, Reason::AppNotFound);
    assert_eq!(reason(client.rotate_app_secret(service_of(&nobody, secret()))).await, Reason::AppNotFound);
    let long = RotateApiKeyRequest { overlap_s: u32::MAX, ..key() };
    assert_eq!(reason(client.rotate_api_key(service_of(&app, long))).await, Reason::InvalidArgument);
    let mut outside = auth.outside(Caller::app(app.id));
    assert_eq!(reason(outside.rotate_api_key(app.backend(key()))).await, Reason::NotAllowed);
    assert_eq!(reason(outside.rotate_app_secret(app.backend(secret()))).await, Reason::NotAllowed);
}
