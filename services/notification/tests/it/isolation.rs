//! Nothing of one app is reached from another, and of a deleted user nothing stays.

use parlance_core::Caller;
use parlance_notification::Settings;
use parlance_notification::providers::{Outcome, Why};
use parlance_proto::notification::*;
use parlance_rpc::Context;
use parlance_testkit::wait_until;

use crate::world::World;

async fn refused(world: &World) -> DeadLetter {
    let why = || Why { label: "payload", detail: String::new() };
    world.recorder.answers(move |_, _| Outcome::Refused { why: why() });
    let users = world.users(&["ada", "bob"]).await;
    world.device(users[1], "bob's").await;
    let channel = world.channel("messaging", "", users[0], &users[1..]).await;
    world.send(users[0], channel, "hello").await;
    let letters = wait_until("a dead letter", async || world.dead_letters().await, |l| l.len() == 1).await;
    letters.into_iter().next().unwrap()
}

#[tokio::test]
async fn the_queue_of_another_app_cannot_be_seen_or_changed() {
    let world = World::new().await.with_fcm().await;
    let letter = refused(&world).await;
    let other = Context::new(Caller::app(world.new_app().await));
    let mut client = world.notification.clone();
    let listed = client.list_dead_letters(other.request(ListDeadLettersRequest::default())).await.unwrap();
    assert_eq!(listed.into_inner().letters, []);
    for ids in [vec![letter.id.clone()], vec![]] {
        let replay = other.request(ReplayDeadLettersRequest { ids: ids.clone() });
        assert_eq!(client.replay_dead_letters(replay).await.unwrap().into_inner().replayed, 0);
        let discard = other.request(DiscardDeadLettersRequest { ids });
        assert_eq!(client.discard_dead_letters(discard).await.unwrap().into_inner().discarded, 0);
    }
    let queue = client.get_queue(other.request(GetQueueRequest {})).await.unwrap().into_inner();
    assert_eq!((queue.waiting, queue.dead), (0, 0));
    assert_eq!(world.dead_letters().await, [letter]);
}

#[tokio::test]
async fn of_a_deleted_user_nothing_stays() {
    let world = World::with(Settings::default()).await.with_fcm().await;
    refused(&world).await;
    let users = world.users(&["ada", "bob"]).await;
    let change = UpdatePreferencesRequest { reactions: Some(true), ..Default::default() };
    world.prefer(users[1], change.clone()).await.unwrap();
    world.prefer(users[0], change).await.unwrap();
    world.delete_user("bob").await;
    let left = "SELECT (SELECT COUNT(*) FROM devices) + (SELECT COUNT(*) FROM deliveries) \
                + (SELECT COUNT(*) FROM pending) + (SELECT COUNT(*) FROM windows) AS n";
    wait_until("everything of him to go", async || world.count(left).await, |left| *left == 0).await;
    let kept = "SELECT COUNT(*) AS n FROM preferences";
    assert_eq!(world.count(kept).await, 1, "the other's stay");
}

#[tokio::test]
async fn novu_is_told_to_forget_a_deleted_user() {
    let world = World::new().await;
    world.set(ProviderKind::Novu, "{}", "{}").await.unwrap();
    let users = world.users(&["ada", "bob"]).await;
    world.device(users[0], "ada's").await;
    world.delete_user("bob").await;
    world.delete_user("ada").await;
    let forgotten = wait_until("it to be told", async || world.recorder.forgotten(), |f| !f.is_empty()).await;
    assert_eq!(forgotten, ["ada"], "it knows nobody without a device");
    let left = "SELECT COUNT(*) AS n FROM deliveries";
    wait_until("nothing to be left", async || world.count(left).await, |left| *left == 0).await;
}

#[tokio::test]
async fn novu_is_told_of_many_at_once() {
    let mut world = World::new().await;
    world.set(ProviderKind::Novu, "{}", "{}").await.unwrap();
    let names = ["ada", "bob", "cid"];
    for (user, name) in world.users(&names).await.into_iter().zip(names) {
        world.device(user, name).await;
    }
    // So that one page has all of them.
    world.replica.end().await;
    for name in names {
        world.delete_user(name).await;
    }
    world.recorder.farewells_wait_for(names.len());
    world.replica = world.parts().start(world.store.clone(), Settings::default()).await;
    wait_until("it to be told", async || world.recorder.forgotten().len(), |n| *n == names.len()).await;
}

#[tokio::test]
async fn a_token_that_moved_to_another_user_gets_nothing_that_was_meant_for_the_first() {
    let world = World::new().await.with_fcm().await;
    let users = world.users(&["ada", "bob", "eve"]).await;
    world.device(users[1], "shared").await;
    let why = || Why { label: "unreachable", detail: String::new() };
    world.recorder.answers(move |_, _| Outcome::Later { after: None, why: why() });
    let channel = world.channel("messaging", "", users[0], &users[1..2]).await;
    world.send(users[0], channel, "for bob").await;
    world.settled().await;
    let tries = world.recorder.tried().len();
    world.device(users[2], "shared").await;
    world.recorder.answers(|_, _| Outcome::Taken { receipt: None });
    world.advance(60);
    world.settled().await;
    let left = "SELECT COUNT(*) AS n FROM deliveries";
    wait_until("the delivery to go", async || world.count(left).await, |left| *left == 0).await;
    assert_eq!(world.recorder.tried().len(), tries);
}
