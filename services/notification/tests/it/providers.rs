use parlance_core::{Caller, Reason};
use parlance_proto::notification::*;
use parlance_rpc::Context;

use crate::world::{World, reason};

async fn list(world: &World, context: &Context) -> Vec<Provider> {
    let request = context.request(ListProvidersRequest {});
    world.notification.clone().list_providers(request).await.unwrap().into_inner().providers
}

async fn web_push_key(world: &World, context: &Context) -> Result<Vec<u8>, tonic::Status> {
    let request = context.request(GetWebPushKeyRequest {});
    Ok(world.notification.clone().get_web_push_key(request).await?.into_inner().public_key.to_vec())
}

#[tokio::test]
async fn secrets_are_sealed_in_the_file_and_never_told() {
    let world = World::new().await;
    let set = world.set(ProviderKind::Fcm, r#"{"project":"demo"}"#, r#"{"key":"hunter2"}"#).await.unwrap();
    assert_eq!(set.settings, r#"{"project":"demo"}"#);
    let listed = list(&world, &world.backend()).await;
    assert_eq!(listed, [set]);
    assert!(!format!("{listed:?}").contains("hunter2"));
    let (kind, settings, secrets) = world.recorder.built().pop().unwrap();
    assert_eq!(
        (kind, &settings["project"], &secrets["key"]),
        (ProviderKind::Fcm, &"demo".into(), &"hunter2".into())
    );
    if let Some(path) = world.store.path() {
        for file in [path.clone(), path.with_extension("db-wal")] {
            let bytes = std::fs::read(file).unwrap_or_default();
            assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
        }
    }
}

#[tokio::test]
async fn without_secrets_those_that_are_kept_stay() {
    let world = World::new().await;
    world.set(ProviderKind::Apns, "{}", r#"{"key":"old"}"#).await.unwrap();
    world.set(ProviderKind::Apns, r#"{"topic":"new"}"#, "").await.unwrap();
    let (_, settings, secrets) = world.recorder.built().pop().unwrap();
    assert_eq!((&settings["topic"], &secrets["key"]), (&"new".into(), &"old".into()));
    world.set(ProviderKind::Apns, "{}", r#"{"key":"new"}"#).await.unwrap();
    assert_eq!(world.recorder.built().pop().unwrap().2["key"], "new");
}

#[tokio::test]
async fn what_cannot_be_built_is_refused_and_not_kept() {
    let world = World::new().await;
    for (kind, settings, secrets) in [
        (ProviderKind::Fcm, r#"{"wrong":1}"#, "{}"),
        (ProviderKind::Fcm, "[]", "{}"),
        (ProviderKind::Fcm, "{}", "no json"),
        (ProviderKind::Unspecified, "{}", "{}"),
        (ProviderKind::WebPush, "{}", r#"{"private_key":"AAAA"}"#),
    ] {
        assert_eq!(reason(world.set(kind, settings, secrets).await), Reason::InvalidArgument);
    }
    assert_eq!(list(&world, &world.backend()).await, []);
}

#[tokio::test]
async fn web_push_gets_a_pair_of_its_own_that_stays() {
    let world = World::new().await;
    let users = world.users(&["ada"]).await;
    let ada = world.by(users[0]);
    assert_eq!(reason(web_push_key(&world, &ada).await), Reason::ProviderNotFound);
    world.set(ProviderKind::WebPush, r#"{"subject":"mailto:a@example.org"}"#, "").await.unwrap();
    let key = web_push_key(&world, &ada).await.unwrap();
    assert_eq!((key.len(), key[0]), (65, 4));
    world.set(ProviderKind::WebPush, "{}", "").await.unwrap();
    assert_eq!(web_push_key(&world, &ada).await.unwrap(), key);
    let other = Context::new(Caller::app(world.new_app().await));
    assert_eq!(reason(web_push_key(&world, &other).await), Reason::ProviderNotFound);
}

#[tokio::test]
async fn push_services_are_the_backends_business_each_in_its_app() {
    let world = World::new().await.with_fcm().await;
    let users = world.users(&["ada"]).await;
    let ada = world.by(users[0]);
    let mut client = world.notification.clone();
    assert_eq!(reason(client.list_providers(ada.request(ListProvidersRequest {})).await), Reason::NotAllowed);
    let set = SetProviderRequest { kind: ProviderKind::Fcm.into(), ..Default::default() };
    assert_eq!(reason(client.set_provider(ada.request(set)).await), Reason::NotAllowed);
    let remove = RemoveProviderRequest { kind: ProviderKind::Fcm.into() };
    assert_eq!(reason(client.remove_provider(ada.request(remove)).await), Reason::NotAllowed);
    assert_eq!(reason(client.get_queue(ada.request(GetQueueRequest {})).await), Reason::NotAllowed);

    let other = Context::new(Caller::app(world.new_app().await));
    assert_eq!(list(&world, &other).await, []);
    let removed = client.remove_provider(other.request(remove)).await.unwrap().into_inner().removed;
    assert!(!removed);
    assert!(client.remove_provider(world.backend().request(remove)).await.unwrap().into_inner().removed);
    assert_eq!(list(&world, &world.backend()).await, []);
}
