//! Each reason for which somebody is not told. Somebody else is told of the same, so that there was something.

use parlance_core::Num;
use parlance_notification::Settings;
use parlance_proto::notification::{ProviderKind, UpdatePreferencesRequest};
use parlance_testkit::temp_store;

use crate::recorder::Tried;
use crate::world::{START, World};

/// Ada writes in a channel; Bob and Eve have a device each.
struct Scene {
    world: World,
    ada: Num,
    bob: Num,
    channel: Num,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await.with_fcm().await;
        let users = world.users(&["ada", "bob", "eve"]).await;
        let channel = world.channel("group", "General", users[0], &users[1..]).await;
        world.settled().await;
        world.device(users[1], "bob's").await;
        world.device(users[2], "eve's").await;
        Self { world, ada: users[0], bob: users[1], channel }
    }

    async fn only_eve_is_told(&self, text: &str) {
        self.world.send(self.ada, self.channel, text).await;
        let taken = self.world.taken(1).await;
        assert_eq!(taken[0].target.token, "eve's");
    }

    /// Both are told of a message; a second one waits for the end of the window.
    async fn with_one_waiting(&self) -> parlance_proto::message::Message {
        self.world.send(self.ada, self.channel, "first").await;
        self.world.taken(2).await;
        let message = self.world.send(self.ada, self.channel, "second").await;
        self.world.settled().await;
        message
    }

    async fn then_only_eve_is_told(&self) {
        self.world.advance(5);
        let taken: Vec<Tried> = self.world.taken(3).await;
        assert_eq!(taken[2].target.token, "eve's");
    }
}

#[tokio::test]
async fn nothing_is_pushed_from_a_muted_channel_not_even_a_mention() {
    let scene = Scene::new().await;
    scene.world.mute(scene.channel, scene.bob).await;
    scene.only_eve_is_told("@bob are you there?").await;
}

#[tokio::test]
async fn nothing_is_pushed_between_two_of_whom_one_has_blocked_the_other() {
    let scene = Scene::new().await;
    scene.world.block(scene.bob, scene.ada).await;
    scene.only_eve_is_told("@bob hello").await;
}

#[tokio::test]
async fn whoever_blocked_another_is_not_told_of_his_doings_either() {
    let scene = Scene::new().await;
    scene.world.block(scene.ada, scene.bob).await;
    scene.only_eve_is_told("hello").await;
}

#[tokio::test]
async fn nothing_is_pushed_to_whoever_switched_it_off() {
    let scene = Scene::new().await;
    let off = UpdatePreferencesRequest { push_enabled: Some(false), ..Default::default() };
    scene.world.prefer(scene.bob, off).await.unwrap();
    scene.only_eve_is_told("@bob hello").await;
}

#[tokio::test]
async fn a_kind_that_is_switched_off_is_not_pushed() {
    let scene = Scene::new().await;
    let off = UpdatePreferencesRequest { new_messages: Some(false), ..Default::default() };
    scene.world.prefer(scene.bob, off).await.unwrap();
    scene.only_eve_is_told("hello").await;
}

#[tokio::test]
async fn nothing_is_pushed_in_quiet_hours_of_the_users_zone() {
    let scene = Scene::new().await;
    // It is noon in UTC: past eleven at night in Auckland, over midnight until seven.
    let quiet = UpdatePreferencesRequest {
        quiet_hours_enabled: Some(true),
        timezone: Some("Pacific/Auckland".into()),
        ..Default::default()
    };
    assert_eq!(START.iso_millis()[11..16], *"12:00");
    scene.world.prefer(scene.bob, quiet).await.unwrap();
    scene.only_eve_is_told("good night").await;
    scene.world.advance(9 * 3600);
    scene.world.send(scene.ada, scene.channel, "good morning").await;
    scene.world.taken(3).await;
}

#[tokio::test]
async fn nothing_is_pushed_to_whoever_is_online() {
    let scene = Scene::new().await;
    scene.world.connect(scene.bob).await;
    scene.only_eve_is_told("hello").await;
}

#[tokio::test]
async fn what_was_read_meanwhile_is_not_pushed() {
    let scene = Scene::new().await;
    scene.with_one_waiting().await;
    scene.world.read(scene.bob, scene.channel).await;
    scene.then_only_eve_is_told().await;
}

#[tokio::test]
async fn whoever_has_left_meanwhile_is_not_told() {
    let scene = Scene::new().await;
    scene.with_one_waiting().await;
    scene.world.remove(scene.channel, scene.ada, scene.bob).await;
    scene.then_only_eve_is_told().await;
}

#[tokio::test]
async fn a_message_that_is_gone_is_not_told() {
    let scene = Scene::new().await;
    let message = scene.with_one_waiting().await;
    scene.world.delete(scene.ada, &message).await;
    scene.world.advance(5);
    scene.world.taken(2).await;
}

#[tokio::test]
async fn a_kind_of_device_without_a_push_service_is_left_out() {
    let scene = Scene::new().await;
    let apple = parlance_proto::notification::RegisterDeviceRequest {
        platform: "ios".into(),
        token: "bob's".into(),
        ..Default::default()
    };
    scene.world.register(scene.bob, apple).await.unwrap();
    scene.only_eve_is_told("hello").await;
    scene.world.set(ProviderKind::Apns, "{}", "{}").await.unwrap();
    scene.world.advance(10);
    scene.world.send(scene.ada, scene.channel, "again").await;
    let taken = scene.world.taken(3).await;
    let bobs: Vec<ProviderKind> =
        taken.iter().filter(|one| one.target.token == "bob's").map(|one| one.kind).collect();
    assert_eq!(bobs, [ProviderKind::Apns]);
}

#[tokio::test]
async fn what_happened_before_the_first_start_is_not_told_and_what_is_old_neither() {
    let mut world = World::new().await;
    world.replica.end().await;
    let users = world.users(&["ada", "bob"]).await;
    let channel = world.make_channel("group", "General", users[0], &users[1..]).await;
    world.send(users[0], channel, "before anybody listened").await;

    world.store = temp_store(parlance_notification::migrate).await;
    let parts = world.parts();
    world.replica = parts.start(world.store.clone(), Settings::default()).await;
    world.notification = world.replica.client.clone();
    let mut world = world.with_fcm().await;
    world.device(users[1], "bob's").await;
    world.send(users[0], channel, "now").await;
    let taken = world.taken(1).await;
    assert_eq!(taken[0].push.body, "Ada: now");

    world.replica.end().await;
    world.send(users[0], channel, "while it was away for long").await;
    world.advance(3601);
    world.send(users[0], channel, "just now").await;
    world.replica = parts.start(world.store.clone(), Settings::default()).await;
    let taken = world.taken(2).await;
    assert_eq!(taken[1].push.body, "Ada: just now");
}
