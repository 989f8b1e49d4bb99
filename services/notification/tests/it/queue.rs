//! What becomes of deliveries that a push service does not take at once.

use std::time::Duration;

use parlance_core::{Num, Reason};
use parlance_notification::Settings;
use parlance_notification::providers::{Outcome, Why};
use parlance_proto::notification::*;
use parlance_testkit::wait_until;

use crate::world::{World, reason};

fn down() -> Outcome {
    Outcome::Later { after: None, why: Why { label: "unreachable", detail: String::new() } }
}

/// Ada and Bob in a channel; Bob has a device, and does not want to be told of invitations.
async fn scene(settings: Settings) -> (World, Num, Num, Num) {
    let world = World::with(settings).await.with_fcm().await;
    let users = world.users(&["ada", "bob"]).await;
    let channel = world.channel("group", "General", users[0], &users[1..]).await;
    world.settled().await;
    world.device(users[1], "bob's").await;
    let off = UpdatePreferencesRequest { channel_invites: Some(false), ..Default::default() };
    world.prefer(users[1], off).await.unwrap();
    (world, users[0], users[1], channel)
}

#[tokio::test]
async fn a_push_service_that_is_away_for_an_hour_is_asked_now_and_then_and_gets_everything_afterwards() {
    let (world, ada, bob, _) = scene(Settings::default()).await;
    world.recorder.answers(|_, _| down());
    for name in ["one", "two", "three"] {
        let channel = world.channel("group", name, ada, &[bob]).await;
        world.send(ada, channel, name).await;
        world.settled().await;
    }
    for _ in 0..60 {
        world.advance(60);
        world.settled().await;
    }
    let tried = world.recorder.tried();
    let first: std::collections::HashSet<_> = tried.iter().map(|one| one.push.id).collect();
    assert!(tried.len() > 5 && tried.len() < 60, "{} tries", tried.len());
    world.recorder.answers(|_, _| Outcome::Taken { receipt: None });
    // The longest for which it is left alone; then nothing waits any longer.
    world.advance(300);
    let taken = world.taken(3).await;
    let ids: std::collections::HashSet<_> = taken.iter().map(|one| one.push.id).collect();
    assert!(ids.len() == 3 && first.is_subset(&ids), "with the ids that they had");
    assert_eq!(world.dead_letters().await, []);
}

#[tokio::test]
async fn a_push_service_is_left_alone_for_as_long_as_it_asks() {
    let (world, ada, bob, channel) = scene(Settings::default()).await;
    let after = Some(Duration::from_secs(120));
    let why = || Why { label: "429", detail: "429".into() };
    world.recorder.answers(move |_, _| Outcome::Later { after, why: why() });
    world.send(ada, channel, "hello").await;
    world.settled().await;
    assert_eq!(world.recorder.tried().len(), 1);
    let other = world.channel("group", "Other", ada, &[bob]).await;
    world.advance(119);
    world.send(ada, other, "hello").await;
    world.settled().await;
    assert_eq!(world.recorder.tried().len(), 1, "neither this one nor another");
    world.recorder.answers(|_, _| Outcome::Taken { receipt: None });
    world.advance(1);
    world.taken(2).await;
}

#[tokio::test]
async fn what_is_refused_is_a_dead_letter_and_can_be_replayed_with_its_id() {
    let (world, ada, _, channel) = scene(Settings::default()).await;
    let why = || Why { label: "credentials", detail: "403 SENDER_ID_MISMATCH".into() };
    world.recorder.answers(move |_, _| Outcome::Refused { why: why() });
    let message = world.send(ada, channel, "hello").await;
    let letters = wait_until("a dead letter", async || world.dead_letters().await, |l| l.len() == 1).await;
    let letter = &letters[0];
    assert_eq!((letter.provider(), &*letter.event, letter.attempts), (ProviderKind::Fcm, "message", 1));
    assert_eq!((letter.channel_num, letter.message_num), (channel, message.num));
    assert_eq!(letter.error, "credentials: 403 SENDER_ID_MISMATCH");
    let queue = world.backend().request(GetQueueRequest {});
    let queue = world.notification.clone().get_queue(queue).await.unwrap().into_inner();
    assert_eq!((queue.waiting, queue.dead, queue.oldest_at), (0, 1, None));

    world.recorder.answers(|_, _| Outcome::Taken { receipt: None });
    let request = ReplayDeadLettersRequest { ids: vec![letter.id.clone(), "nonsense".into()] };
    let request = world.backend().request(request);
    let replayed = world.notification.clone().replay_dead_letters(request).await.unwrap().into_inner();
    assert_eq!(replayed.replayed, 1);
    let taken = world.taken(1).await;
    assert_eq!(taken[0].push.id.to_string(), letter.id);
    assert_eq!(world.dead_letters().await, []);
}

#[tokio::test]
async fn dead_letters_are_listed_in_pages_replayed_and_discarded_altogether() {
    let (world, ada, bob, _) = scene(Settings::default()).await;
    let why = || Why { label: "payload", detail: String::new() };
    world.recorder.answers(move |_, _| Outcome::Refused { why: why() });
    for n in 0..5 {
        let channel = world.channel("group", &format!("c{n}"), ada, &[bob]).await;
        world.send(ada, channel, "hello").await;
        world.settled().await;
        world.advance(1);
    }
    let all = wait_until("dead letters", async || world.dead_letters().await, |l| l.len() == 5).await;
    let list = async |limit: u32, after: &str| {
        let request = ListDeadLettersRequest { limit, after: after.into() };
        let request = world.backend().request(request);
        world.notification.clone().list_dead_letters(request).await
    };
    let first = list(3, "").await.unwrap().into_inner();
    assert_eq!((first.letters.as_slice(), first.has_more), (&all[..3], true));
    let rest = list(3, &all[2].id).await.unwrap().into_inner();
    assert_eq!((rest.letters.as_slice(), rest.has_more), (&all[3..], false));
    assert_eq!(reason(list(3, "nonsense").await), Reason::CursorUnknown);

    let discard = async |ids: Vec<String>| {
        let request = world.backend().request(DiscardDeadLettersRequest { ids });
        world.notification.clone().discard_dead_letters(request).await.unwrap().into_inner().discarded
    };
    assert_eq!(discard(vec!["nonsense".into()]).await, 0, "is not all of them");
    assert_eq!(discard(vec![all[0].id.clone()]).await, 1);
    world.recorder.answers(|_, _| Outcome::Taken { receipt: None });
    let replay = world.backend().request(ReplayDeadLettersRequest { ids: vec![] });
    let replayed = world.notification.clone().replay_dead_letters(replay).await.unwrap().into_inner();
    assert_eq!(replayed.replayed as usize, all.len() - 1);
    world.taken(all.len() - 1).await;
    assert_eq!(discard(vec![]).await, 0);
}

#[tokio::test]
async fn after_too_many_tries_a_delivery_is_given_up() {
    let (world, ada, _, channel) = scene(Settings { max_attempts: 3, ..Settings::default() }).await;
    world.recorder.answers(|_, _| down());
    world.send(ada, channel, "hello").await;
    for _ in 0..6 {
        world.settled().await;
        world.advance(60);
    }
    let letters = wait_until("a dead letter", async || world.dead_letters().await, |l| l.len() == 1).await;
    assert_eq!((letters[0].attempts, &*letters[0].error), (3, "unreachable"));
    assert_eq!(world.recorder.tried().len(), 3);
}

#[tokio::test]
async fn a_dead_token_removes_its_device_and_no_other() {
    let (world, ada, bob, channel) = scene(Settings::default()).await;
    world.device(bob, "bob's new one").await;
    world.recorder.answers(|_, target| match target.token.as_str() {
        "bob's" => Outcome::TokenDead,
        _ => Outcome::Taken { receipt: None },
    });
    world.send(ada, channel, "hello").await;
    world.taken(1).await;
    let left = wait_until("the device to go", async || world.devices(bob).await, |d| d.len() == 1).await;
    assert!(left[0].id != world.device(bob, "bob's").await.id, "registered again it is a new one");
    assert_eq!(world.dead_letters().await, []);
}

#[tokio::test]
async fn what_was_taken_with_a_receipt_is_asked_for_later() {
    let (world, ada, bob, channel) = scene(Settings::default()).await;
    world.recorder.answers(|_, _| Outcome::Taken { receipt: Some("r1".into()) });
    world.send(ada, channel, "hello").await;
    world.taken(1).await;
    let kept = "SELECT COUNT(*) AS n FROM deliveries WHERE state = 1 AND claimed_until = 0";
    wait_until("the receipt to be kept", async || world.count(kept).await, |n| *n == 1).await;
    // Not known yet the first time.
    world.advance(900);
    let later = format!("{kept} AND due_at > {}", world.now().0);
    wait_until("it to be asked for", async || world.count(&later).await, |n| *n == 1).await;
    world.recorder.answers_receipts(|receipt| (receipt == "r1").then_some(Outcome::TokenDead));
    world.advance(900);
    wait_until("the device to go", async || world.devices(bob).await.len(), |n| *n == 0).await;
    let all = "SELECT COUNT(*) AS n FROM deliveries";
    wait_until("the delivery to go", async || world.count(all).await, |n| *n == 0).await;
}

#[tokio::test]
async fn one_apps_push_service_that_hangs_keeps_no_other_app_waiting() {
    let (world, ada, _, channel) = scene(Settings::default()).await;
    world.recorder.hang_at(&["bob's"]);
    world.send(ada, channel, "hello").await;
    wait_until("the call to hang", async || world.recorder.hung().len(), |n| *n == 1).await;
    let first = world.app;
    let mut world = world;
    world.app = world.new_app().await;
    let world = world.with_fcm().await;
    let users = world.users(&["joe", "sue"]).await;
    world.device(users[1], "sue's").await;
    let theirs = world.make_channel("messaging", "", users[0], &users[1..]).await;
    world.send(users[0], theirs, "hello").await;
    let taken = wait_until("a push", async || world.recorder.taken(), |taken| !taken.is_empty()).await;
    assert_eq!((taken[0].push.app, &*taken[0].target.token), (world.app, "sue's"));
    assert_ne!(first, world.app);
}

#[tokio::test]
async fn receipts_that_do_not_come_keep_nothing_from_being_sent() {
    let (world, ada, bob, channel) = scene(Settings::default()).await;
    world.recorder.answers(|_, _| Outcome::Taken { receipt: Some("r1".into()) });
    world.send(ada, channel, "hello").await;
    world.taken(1).await;
    world.recorder.hang_at_receipts();
    world.advance(900);
    let asked = "SELECT COUNT(*) AS n FROM deliveries WHERE state = 1 AND claimed_until > 0";
    wait_until("the receipt to be asked for", async || world.count(asked).await, |n| *n == 1).await;
    let other = world.channel("group", "Other", ada, &[bob]).await;
    world.send(ada, other, "hello").await;
    world.taken(2).await;
}

#[tokio::test]
async fn a_store_that_fails_for_a_while_makes_no_dead_letters() {
    let (mut world, ada, _, channel) = scene(Settings::default()).await;
    world.recorder.answers(|_, _| down());
    world.send(ada, channel, "hello").await;
    world.settled().await;
    world.replica.end().await;
    world.recorder.answers(|_, _| Outcome::Taken { receipt: None });
    world.execute("ALTER TABLE providers RENAME TO providers_away").await;
    // What the first one had read of the table, the second one has to read.
    world.replica = world.parts().start(world.store.clone(), Settings::default()).await;
    world.notification = world.replica.client.clone();
    world.advance(60);
    let held = "SELECT COUNT(*) AS n FROM deliveries WHERE state = 0 AND claimed_until > 0";
    wait_until("it to be claimed", async || world.count(held).await, |n| *n == 1).await;
    // Long enough for a wrong end to be written.
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.execute("ALTER TABLE providers_away RENAME TO providers").await;
    assert_eq!(world.dead_letters().await, []);
    world.advance(45);
    world.taken(1).await;
}

#[tokio::test]
async fn a_test_reaches_all_devices_whatever_the_preferences() {
    let (world, _, bob, _) = scene(Settings::default()).await;
    world.device(bob, "bob's other").await;
    world.connect(bob).await;
    let off = UpdatePreferencesRequest { push_enabled: Some(false), ..Default::default() };
    world.prefer(bob, off).await.unwrap();
    let request = world.by(bob).request(SendTestRequest {});
    let queued = world.notification.clone().send_test(request).await.unwrap().into_inner().queued;
    assert_eq!(queued, 2);
    let taken = world.taken(2).await;
    assert_eq!(taken[0].push.data["type"], "test");
}

#[tokio::test]
async fn novu_gets_all_devices_of_a_user_as_one_notification() {
    let (world, ada, bob, channel) = scene(Settings::default()).await;
    world.set(ProviderKind::Novu, "{}", "{}").await.unwrap();
    let apple =
        RegisterDeviceRequest { platform: "ios".into(), token: "bob's phone".into(), ..Default::default() };
    world.register(bob, apple).await.unwrap();
    world.send(ada, channel, "hello").await;
    let taken = world.taken(2).await;
    assert!(taken.iter().all(|one| one.kind == ProviderKind::Novu));
    assert_eq!(taken[0].push.id, taken[1].push.id);
    let mut channels: Vec<&str> = taken.iter().map(|one| one.target.channel).collect();
    channels.sort_unstable();
    assert_eq!(channels, ["apns", "fcm"]);
}

#[tokio::test]
async fn what_waits_for_a_push_service_that_was_removed_can_be_replayed() {
    let (world, ada, _, channel) = scene(Settings::default()).await;
    world.recorder.answers(|_, _| down());
    world.send(ada, channel, "hello").await;
    world.settled().await;
    let remove = RemoveProviderRequest { kind: ProviderKind::Fcm.into() };
    world.notification.clone().remove_provider(world.backend().request(remove)).await.unwrap();
    world.advance(60);
    let letters = wait_until("a dead letter", async || world.dead_letters().await, |l| l.len() == 1).await;
    assert_eq!(letters[0].error, "provider_missing");
    world.recorder.answers(|_, _| Outcome::Taken { receipt: None });
    let world = world.with_fcm().await;
    let replay = world.backend().request(ReplayDeadLettersRequest { ids: vec![] });
    world.notification.clone().replay_dead_letters(replay).await.unwrap();
    // The circuit that has failed once lets one through when its time has come.
    world.advance(60);
    world.taken(1).await;
}

#[tokio::test]
async fn dead_letters_are_kept_for_a_week() {
    let (world, ada, _, channel) = scene(Settings::default()).await;
    let why = || Why { label: "payload", detail: String::new() };
    world.recorder.answers(move |_, _| Outcome::Refused { why: why() });
    world.send(ada, channel, "hello").await;
    wait_until("a dead letter", async || world.dead_letters().await.len(), |n| *n == 1).await;
    world.advance(7 * 24 * 3600 - 10);
    let parts = world.parts();
    // A start sweeps at once.
    let first = parts.start(world.store.clone(), Settings::default()).await;
    world.settled().await;
    // Only one replica at a time sweeps.
    first.end().await;
    assert_eq!(world.dead_letters().await.len(), 1);
    world.advance(20);
    let second = parts.start(world.store.clone(), Settings::default()).await;
    wait_until("it to be forgotten", async || world.dead_letters().await.len(), |n| *n == 0).await;
    second.end().await;
}
