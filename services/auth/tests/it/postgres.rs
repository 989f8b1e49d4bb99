use std::time::Duration;

use futures_util::future::join_all;
use parlance_core::Reason;
use parlance_proto::auth::record_activity_request::Activity;
use parlance_proto::auth::*;
use parlance_testkit::postgres_store;

use crate::fixture::{Auth, START, service, service_of};
use crate::rotation;

/// Every statement of the service, once, on the other database.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_service_runs_on_postgresql() {
    let Some(store) = postgres_store(parlance_auth::migrate).await else { return };
    parlance_auth::migrate(&store).await.unwrap();
    let auth = Auth::on(&store).await;

    let only_first = CreateAppRequest { only_if_empty: true, ..Default::default() };
    let created = join_all((0..5).map(|_| {
        let mut client = auth.client();
        let request = service(only_first.clone());
        async move { client.create_app(request).await }
    }))
    .await;
    assert_eq!(created.iter().filter(|result| result.is_ok()).count(), 1);
    let app = auth.app().await;
    let key = VerifyApiKeyRequest { api_key: app.api_key.clone() };
    assert!(auth.client().verify_api_key(service(key)).await.is_ok());
    let apps = auth.client().list_apps(service(ListAppsRequest {})).await.unwrap().into_inner().apps;
    assert_eq!(apps.len(), 2);

    let named = |id: &str, name: &str| UserInput {
        id: id.into(),
        name: Some(name.into()),
        custom: Some(r#"{"nul":"\u0000"}"#.into()),
        ..Default::default()
    };
    let results = join_all((0..20).map(|n| auth.upsert(&app, named("same", &format!("Name {n}"))))).await;
    assert_eq!(results.iter().filter(|result| result.created).count(), 1);
    let user = auth.get(&app, &["same", "a\0b"]).await.remove(0);
    assert!(results.iter().all(|result| result.user.as_ref().unwrap().num == user.num));
    let users = vec![named("b", "bEn"), named("a", "Ben"), named("c", "Über 100%")];
    auth.client().upsert_users(app.backend(UpsertUsersRequest { users })).await.unwrap();
    let list = async |name_contains: &str| -> Vec<String> {
        let request = ListUsersRequest { name_contains: name_contains.into(), ..Default::default() };
        let users = auth.client().list_users(app.backend(request)).await.unwrap().into_inner().users;
        users.into_iter().map(|user| user.id).collect()
    };
    assert_eq!(list("").await, ["a", "b", "same", "c"]);
    assert_eq!(list("BE").await, ["a", "b", "c"]);
    assert_eq!(list("0%").await, ["c"]);
    let handles = FindUsersByHandleRequest { handles: vec!["ben".into(), "über100%".into()] };
    let found = auth.client().find_users_by_handle(app.backend(handles)).await.unwrap().into_inner();
    assert_eq!(found.matches.len(), 3);

    let tokens = auth.issue(&app, &user).await;
    let tabs = join_all((0..5).map(|_| auth.refresh(&tokens.refresh_token))).await;
    let newest = tabs[0].clone().unwrap();
    assert!(tabs.iter().all(|tab| tab.as_ref().unwrap().refresh_token == newest.refresh_token));
    let verified = auth.verify(TokenKind::Connection, &newest.connection_token).await.unwrap();
    assert_eq!(verified.user_num, user.num);
    let activities = [(user.num, START), (1, START)]
        .map(|(user_num, at)| Activity { user_num, at: Some(at.timestamp()) })
        .to_vec();
    auth.client().record_activity(service_of(&app, RecordActivityRequest { activities })).await.unwrap();
    assert_eq!(auth.get_by_num(&app, user.num).await.unwrap().last_active_at, Some(START.timestamp()));
    auth.clock.advance(Duration::from_secs(3600));
    assert_eq!(auth.refresh(&tokens.refresh_token).await, Err(Reason::TokenRevoked));

    let last = auth.issue(&app, &user).await;
    let deleted = auth.delete(&app, &["same"]).await;
    assert_eq!(deleted.deleted_ids, ["same"]);
    assert_eq!(auth.get_by_num(&app, user.num).await.unwrap().name, "");
    assert_eq!(auth.verify(TokenKind::Access, &last.access_token).await, Err(Reason::TokenRevoked));
    assert!(auth.upsert(&app, named("same", "New")).await.created);
    let log = auth.client().read_log(service(Default::default())).await.unwrap().into_inner();
    assert!(log.top_position > deleted.log_position);
    drop(auth);
    store.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_secrets_rotate_on_postgresql() {
    let Some(store) = postgres_store(parlance_auth::migrate).await else { return };
    let auth = Auth::on(&store).await;
    rotation::keys_run_out(&auth).await;
    rotation::secrets_run_out(&auth).await;
}
