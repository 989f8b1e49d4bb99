use std::time::Duration;

use parlance_proto::presence::RenewGatewayRequest;

use crate::world::{World, service};

#[tokio::test]
async fn companions_hear_of_a_connection_and_ten_seconds_later_of_its_end() {
    let mut world = World::new().await;
    world.companions(1, &[2, 3]);
    world.connections("g", &[(1, "a", true)]).await;
    assert_eq!(world.next_change().await, (1, true, vec![2, 3]));
    assert_eq!(world.answers.lock().unwrap().max_members, [200]);

    world.connections("g", &[(1, "a", false)]).await;
    assert!(!world.is_online(1).await);
    world.pass(9).await;
    world.assert_silent().await;
    world.pass(1).await;
    assert_eq!(world.next_change().await, (1, false, vec![2, 3]));
}

#[tokio::test]
async fn a_reconnect_within_ten_seconds_announces_nothing() {
    let mut world = World::new().await;
    world.companions(1, &[2]);
    world.connections("g", &[(1, "a", true)]).await;
    world.next_change().await;
    world.connections("g", &[(1, "a", false)]).await;
    world.pass(9).await;
    world.connections("other", &[(1, "b", true)]).await;
    world.pass(30).await;
    world.assert_silent().await;
    assert!(world.is_online(1).await);
}

#[tokio::test]
async fn somebody_without_companions_is_announced_to_nobody() {
    let mut world = World::new().await;
    world.connections("g", &[(1, "a", true)]).await;
    world.assert_silent().await;
}

#[tokio::test]
async fn a_gateway_silent_for_a_minute_is_swept_and_asked_to_report_again() {
    let mut world = World::new().await;
    world.companions(1, &[2]);
    assert!(world.connections("g", &[(1, "a", true)]).await, "the first report is of an unknown gateway");
    assert!(!world.connections("g", &[]).await);
    world.next_change().await;
    world.pass(50).await;
    let renew = || RenewGatewayRequest { gateway_id: "g".into(), connections: 1 };
    let mut client = world.client.clone();
    assert!(!client.renew_gateway(service(renew())).await.unwrap().into_inner().resync);
    world.pass(59).await;
    assert!(world.is_online(1).await);
    world.pass(1).await;
    assert_eq!(world.next_change().await, (1, false, vec![2]));
    assert!(client.renew_gateway(service(renew())).await.unwrap().into_inner().resync);
}

#[tokio::test]
async fn connecting_is_recorded_as_activity_once() {
    let world = World::new().await;
    world.connections("g", &[(1, "a", true)]).await;
    world.clock.advance(Duration::from_secs(3));
    world.declare(2, true).await;
    world.presence.flush_activity().await;
    world.presence.flush_activity().await;
    let mut recorded = world.answers.lock().unwrap().recorded.clone();
    recorded.sort_unstable();
    assert_eq!(recorded, [(1, 1_800_000_000), (2, 1_800_000_003)]);
}
