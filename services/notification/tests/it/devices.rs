use parlance_core::{Caller, Num, Reason};
use parlance_notification::Settings;
use parlance_proto::notification::*;
use parlance_rpc::Context;

use crate::world::{World, reason};

fn android(token: &str) -> RegisterDeviceRequest {
    RegisterDeviceRequest { platform: "android".into(), token: token.into(), ..Default::default() }
}

async fn remove(world: &World, user: Num, device: &str) -> u32 {
    let request = world.by(user).request(RemoveDeviceRequest { device: device.into() });
    world.notification.clone().remove_device(request).await.unwrap().into_inner().removed
}

#[tokio::test]
async fn the_same_token_again_keeps_its_id_and_takes_over_what_is_new() {
    let world = World::new().await;
    let users = world.users(&["ada"]).await;
    let first = world.register(users[0], android("t")).await.unwrap();
    assert!(first.created);
    world.advance(60);
    let request = RegisterDeviceRequest {
        platform: "ios".into(),
        token: "t".into(),
        device_id: "phone".into(),
        app_version: "1.2".into(),
        ..Default::default()
    };
    let again = world.register(users[0], request).await.unwrap();
    assert!(!again.created);
    let (first, again) = (first.device.unwrap(), again.device.unwrap());
    assert_eq!((&again.id, &again.created_at), (&first.id, &first.created_at));
    assert_eq!(again.provider(), ProviderKind::Apns);
    assert_eq!((again.device_id.as_str(), again.app_version.as_str()), ("phone", "1.2"));
    assert_ne!(again.updated_at, first.updated_at);
    assert_eq!(world.devices(users[0]).await, [again]);
}

#[tokio::test]
async fn a_token_belongs_to_whoever_registered_it_last() {
    let world = World::new().await;
    let users = world.users(&["ada", "bob"]).await;
    let first = world.device(users[0], "shared tablet").await;
    let moved = world.device(users[1], "shared tablet").await;
    assert_eq!(moved.id, first.id);
    assert_eq!(world.devices(users[0]).await, []);
    assert_eq!(world.devices(users[1]).await, [moved]);
}

#[tokio::test]
async fn of_too_many_devices_the_one_not_renewed_for_longest_goes() {
    let world = World::with(Settings { max_devices: 3, ..Settings::default() }).await;
    let users = world.users(&["ada", "bob"]).await;
    world.device(users[1], "another's").await;
    for token in ["a", "b", "c", "a", "d"] {
        world.advance(1);
        world.device(users[0], token).await;
    }
    let removed = remove(&world, users[0], "b").await;
    assert_eq!(removed, 0, "b is the one that went");
    assert_eq!(world.devices(users[0]).await.len(), 3);
    assert_eq!(remove(&world, users[0], "a").await, 1);
    assert_eq!(world.devices(users[1]).await.len(), 1);
}

#[tokio::test]
async fn a_device_is_removed_by_its_id_the_clients_id_or_its_token() {
    let world = World::new().await;
    let users = world.users(&["ada", "bob"]).await;
    let by_id = world.device(users[0], "a").await;
    let named = RegisterDeviceRequest { device_id: "my phone".into(), ..android("b") };
    world.register(users[0], named).await.unwrap();
    world.device(users[0], "c c").await;
    for name in [by_id.id.as_str(), "my phone", "c c"] {
        assert_eq!(remove(&world, users[1], name).await, 0, "another's stays: {name}");
        assert_eq!(remove(&world, users[0], name).await, 1, "{name}");
        assert_eq!(remove(&world, users[0], name).await, 0, "{name}");
    }
    assert_eq!(world.devices(users[0]).await, []);
    assert_eq!(remove(&world, users[0], "a\0b").await, 0, "no device can be called so");
    let empty = world.by(users[0]).request(RemoveDeviceRequest::default());
    assert_eq!(reason(world.notification.clone().remove_device(empty).await), Reason::InvalidArgument);
}

#[tokio::test]
async fn the_same_token_in_two_apps_is_two_devices() {
    let mut world = World::new().await;
    let users = world.users(&["ada"]).await;
    let device = world.device(users[0], "t").await;
    let first = world.app;
    world.app = world.new_app().await;
    let theirs = world.users(&["ada"]).await;
    let other = Context::new(Caller::user(world.app, theirs[0]));
    world.app = first;
    let request = other.request(android("t"));
    let theirs = world.notification.clone().register_device(request).await.unwrap().into_inner();
    assert!(theirs.created);
    let list = other.request(ListDevicesRequest {});
    let listed = world.notification.clone().list_devices(list).await.unwrap().into_inner().devices;
    assert_eq!(listed, [theirs.device.unwrap()]);
    let remove = other.request(RemoveDeviceRequest { device: device.id.clone() });
    let removed = world.notification.clone().remove_device(remove).await.unwrap().into_inner().removed;
    assert_eq!(removed, 0, "nothing of another app can be named");
    assert_eq!(world.devices(users[0]).await, [device]);
}

#[tokio::test]
async fn who_names_no_user_has_no_devices() {
    let world = World::new().await;
    let request = world.backend().request(android("t"));
    assert_eq!(reason(world.notification.clone().register_device(request).await), Reason::UserRequired);
    let users = world.users(&["ada"]).await;
    let unknown = RegisterDeviceRequest { platform: "windows".into(), ..android("t") };
    assert_eq!(reason(world.register(users[0], unknown).await), Reason::InvalidArgument);
}
