use parlance_core::{Caller, Reason};
use parlance_proto::auth::*;
use parlance_rpc::Context;
use uuid::Uuid;

use crate::fixture::{App, Auth, auth, reason, service};

const DEV: &str = "00000000-0000-0000-0000-000000000001";

fn development() -> CreateAppRequest {
    CreateAppRequest {
        name: "Development".into(),
        id: DEV.into(),
        api_key: "dev-api-key".into(),
        secret: "dev-api-secret".into(),
        only_if_empty: true,
    }
}

async fn verify_key(auth: &Auth, key: &str) -> Result<VerifyApiKeyResponse, Reason> {
    let request = VerifyApiKeyRequest { api_key: key.into() };
    match auth.client().verify_api_key(service(request)).await {
        Ok(response) => Ok(response.into_inner()),
        Err(status) => Err(parlance_core::Error::from(status).reason),
    }
}

#[tokio::test]
async fn a_created_app_has_a_secret_key_that_verifies() {
    let auth = auth().await;
    let (first, second) = (auth.app().await, auth.app().await);
    assert_ne!(first.api_key, second.api_key);
    assert_ne!(first.secret, second.secret);
    let verified = verify_key(&auth, &first.api_key).await.unwrap();
    assert_eq!(verified.app_id, first.id.to_string());
    assert_eq!(verified.kind(), ApiKeyKind::Secret);
    assert!(verified.key_id.starts_with("key_"));
    assert!(!first.api_key.contains(&verified.key_id));

    let apps = auth.client().list_apps(service(ListAppsRequest {})).await.unwrap().into_inner().apps;
    let ids: Vec<_> = apps.iter().map(|app| app.id.clone()).collect();
    assert_eq!(ids, [first.id.to_string(), second.id.to_string()]);
}

#[tokio::test]
async fn unknown_and_revoked_keys_are_refused() {
    let auth = auth().await;
    let app = auth.app().await;
    for key in ["", "x", "dev-api-key", &app.api_key[1..], &format!("{} ", app.api_key), "a\0b"] {
        assert_eq!(verify_key(&auth, key).await.unwrap_err(), Reason::ApiKeyInvalid, "{key:?}");
    }
    auth.execute("UPDATE api_keys SET revoked_at = 1").await;
    assert_eq!(verify_key(&auth, &app.api_key).await.unwrap_err(), Reason::ApiKeyInvalid);
}

#[tokio::test]
async fn a_development_app_keeps_the_given_values_and_its_secret_signs_tokens() {
    let auth = auth().await;
    let created = auth.client().create_app(service(development())).await.unwrap().into_inner();
    assert_eq!(created.api_key, "dev-api-key");
    assert_eq!(created.secret, "dev-api-secret");
    assert_eq!(verify_key(&auth, "dev-api-key").await.unwrap().app_id, DEV);

    let app = App { id: DEV.parse().unwrap(), api_key: created.api_key, secret: created.secret };
    let user = auth.user(&app, "user-1").await;
    let token = app.mint(serde_json::json!({
        "user_id": "user-1", "app_id": DEV, "exp": auth.now().secs() + 60,
    }));
    let verified = auth.verify(TokenKind::Access, &token).await.unwrap();
    assert_eq!((verified.user_num, verified.session_id.as_str()), (user.num, ""));
}

#[tokio::test]
async fn only_if_empty_refuses_a_second_app_and_a_taken_id_or_key_is_said() {
    let auth = auth().await;
    auth.client().create_app(service(development())).await.unwrap();
    assert_eq!(reason(auth.client().create_app(service(development()))).await, Reason::NotEmpty);
    let again = CreateAppRequest { only_if_empty: false, ..development() };
    assert_eq!(reason(auth.client().create_app(service(again.clone()))).await, Reason::AlreadyExists);
    let same_key = CreateAppRequest { id: String::new(), ..again };
    assert_eq!(reason(auth.client().create_app(service(same_key))).await, Reason::AlreadyExists);
    let apps = auth.client().list_apps(service(ListAppsRequest {})).await.unwrap().into_inner().apps;
    assert_eq!(apps.len(), 1);
}

#[tokio::test]
async fn wrong_values_for_an_app_are_refused() {
    let auth = auth().await;
    for wrong in [
        CreateAppRequest { id: "x".into(), ..Default::default() },
        CreateAppRequest { id: Uuid::nil().to_string(), ..Default::default() },
        CreateAppRequest { api_key: "short".into(), ..Default::default() },
        CreateAppRequest { api_key: "with a space".into(), ..Default::default() },
        CreateAppRequest { secret: "short".into(), ..Default::default() },
        CreateAppRequest { name: "a\nb".into(), ..Default::default() },
    ] {
        assert_eq!(reason(auth.client().create_app(service(wrong))).await, Reason::InvalidArgument);
    }
}

#[tokio::test]
async fn secrets_are_not_readable_in_the_file() {
    let auth = auth().await;
    let app = auth.app().await;
    let user = auth.user(&app, "u").await;
    let tokens = auth.issue(&app, &user).await;
    let refresh_secret = tokens.refresh_token.split_once('.').unwrap().1.to_owned();
    let dump = auth.written();
    for secret in [&app.secret, &app.api_key, &refresh_secret] {
        assert!(!dump.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
}

#[tokio::test]
async fn apps_and_keys_are_for_services_only() {
    let auth = auth().await;
    let app = auth.app().await;
    let mut client = auth.outside(Caller::app(app.id));
    let request = || Context::new(Caller::service(Uuid::nil()));
    assert_eq!(reason(client.create_app(request().request(Default::default()))).await, Reason::NotAllowed);
    assert_eq!(reason(client.list_apps(request().request(Default::default()))).await, Reason::NotAllowed);
    assert_eq!(
        reason(client.verify_api_key(request().request(Default::default()))).await,
        Reason::NotAllowed
    );
    assert_eq!(reason(client.verify_token(request().request(Default::default()))).await, Reason::NotAllowed);
    assert_eq!(
        reason(client.refresh_tokens(request().request(Default::default()))).await,
        Reason::NotAllowed
    );
    assert_eq!(
        reason(client.record_activity(request().request(Default::default()))).await,
        Reason::NotAllowed
    );
    assert_eq!(reason(client.read_log(request().request(Default::default()))).await, Reason::NotAllowed);
}
