use std::time::Duration;

use parlance_core::Micros;
use parlance_proto::presence::{GetPresenceRequest, ReportActivityRequest};

use crate::world::{START, World, service, user};

#[tokio::test]
async fn activity_lasts_five_minutes() {
    let mut world = World::new().await;
    world.companions(1, &[2]);
    world.client.clone().report_activity(user(1, ReportActivityRequest::default())).await.unwrap();
    assert_eq!(world.next_change().await, (1, true, vec![2]));
    world.pass(299).await;
    assert!(world.is_online(1).await);
    world.pass(1).await;
    assert_eq!(world.next_change().await, (1, false, vec![2]));
    assert!(!world.is_online(1).await);
}

#[tokio::test]
async fn a_declaration_of_being_offline_overrides_activity_until_the_next_one() {
    let mut world = World::new().await;
    world.companions(1, &[2]);
    world.declare(1, true).await;
    world.next_change().await;
    world.pass(1).await;
    world.declare(1, false).await;
    assert_eq!(world.next_change().await, (1, false, vec![2]));
    assert!(!world.is_online(1).await);
    world.pass(1).await;
    world.declare(1, true).await;
    assert_eq!(world.next_change().await, (1, true, vec![2]));
}

#[tokio::test]
async fn activity_that_is_told_late_does_not_undo_what_came_after_it() {
    let world = World::new().await;
    let told = async |at: Micros| {
        let request = ReportActivityRequest { at: Some(at.timestamp()) };
        world.client.clone().report_activity(user(1, request)).await.unwrap();
        world.is_online(1).await
    };
    world.pass(10).await;
    world.declare(1, false).await;
    world.pass(1).await;
    assert!(!told(START + Duration::from_secs(9)).await);
    assert!(told(START + Duration::from_secs(11)).await);
    // A time in the future is now.
    told(START + Duration::from_secs(3600)).await;
    world.pass(300).await;
    assert!(!world.is_online(1).await);
}

#[tokio::test]
async fn every_user_asked_for_is_answered_in_order_with_the_last_sign_of_him() {
    let world = World::new().await;
    world.declare(1, true).await;
    world.pass(400).await;
    let users = world.look(service(GetPresenceRequest { user_nums: vec![2, 1, 2] })).await;
    let nums: Vec<i64> = users.iter().map(|user| user.user_num).collect();
    assert_eq!(nums, [2, 1, 2]);
    assert_eq!(users[1].last_seen, Some(START.timestamp()));
    assert!(!users[1].online);
    assert_eq!((users[0].online, users[0].last_seen), (false, None));
}
