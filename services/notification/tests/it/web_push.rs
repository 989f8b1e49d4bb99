//! Endpoints are addresses that users have written: what is said at one origin is said of no other.

use std::time::Duration;

use parlance_core::Num;
use parlance_notification::providers::web_push::{generate, public_key_of};
use parlance_notification::providers::{Outcome, Why};
use parlance_proto::notification::*;

use crate::world::World;

async fn browser(world: &World, user: Num, endpoint: &str) {
    let p256dh = public_key_of(&generate().unwrap().private_key).unwrap();
    let request = RegisterDeviceRequest {
        platform: "web".into(),
        provider: ProviderKind::WebPush.into(),
        token: endpoint.into(),
        p256dh: p256dh.into(),
        auth: vec![1; 16].into(),
        ..Default::default()
    };
    world.register(user, request).await.unwrap();
}

async fn test(world: &World, user: Num) {
    let request = world.by(user).request(SendTestRequest {});
    assert_eq!(world.notification.clone().send_test(request).await.unwrap().into_inner().queued, 1);
}

/// Ada and Bob with a browser each, of different origins.
async fn scene() -> (World, Num, Num) {
    let world = World::new().await;
    world.set(ProviderKind::WebPush, r#"{"subject":"mailto:a@example.org"}"#, "").await.unwrap();
    let users = world.users(&["ada", "bob"]).await;
    browser(&world, users[0], "https://up.example/ada").await;
    browser(&world, users[1], "https://down.example/bob").await;
    (world, users[0], users[1])
}

fn down(after: Option<Duration>) -> Outcome {
    Outcome::Later { after, why: Why { label: "5xx", detail: "503".into() } }
}

#[tokio::test]
async fn an_endpoint_that_wants_to_be_left_alone_for_a_day_holds_up_no_other() {
    let (world, ada, bob) = scene().await;
    world.recorder.answers(|_, target| match target.token.starts_with("https://down.example/") {
        true => down(Some(Duration::from_secs(86_400))),
        false => Outcome::Taken { receipt: None },
    });
    test(&world, bob).await;
    world.settled().await;
    assert_eq!(world.recorder.tried().len(), 1);
    test(&world, ada).await;
    world.taken(1).await;
    // In one round.
    test(&world, bob).await;
    test(&world, ada).await;
    world.taken(2).await;
    test(&world, ada).await;
    world.taken(3).await;
}

#[tokio::test]
async fn an_origin_that_is_down_while_another_answers_gets_everything_afterwards() {
    const WAITING: usize = 30;
    let (world, ada, bob) = scene().await;
    world.recorder.answers(|_, target| match target.token.starts_with("https://down.example/") {
        true => down(None),
        false => Outcome::Taken { receipt: None },
    });
    for _ in 0..WAITING {
        test(&world, bob).await;
    }
    world.settled().await;
    let first = world.recorder.tried().len();
    const STEPS: usize = 60;
    for step in 0..STEPS {
        world.advance(10);
        test(&world, ada).await;
        world.taken(step + 1).await;
    }
    let tried = world.recorder.tried().len() - first - STEPS;
    assert!(tried > 3 && tried < 30, "it is asked now and then: {tried}");
    assert_eq!(world.dead_letters().await, []);
    world.recorder.answers(|_, _| Outcome::Taken { receipt: None });
    // The longest for which it is left alone, and the longest for which one that was tried waits.
    for _ in 0..10 {
        world.advance(300);
        world.settled().await;
    }
    world.taken(STEPS + WAITING).await;
}
