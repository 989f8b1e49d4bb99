//! Two replicas on one PostgreSQL.

use std::collections::HashSet;

use parlance_notification::Settings;
use parlance_proto::notification::GetQueueRequest;
use parlance_testkit::{postgres_store, wait_until};

use crate::world::World;

#[tokio::test]
async fn two_replicas_share_the_work_and_tell_nobody_twice() {
    const USERS: usize = 20;
    const MESSAGES: usize = 10;
    let Some(store) = postgres_store(parlance_notification::migrate).await else { return };
    let mut world = World::new().await;
    world.replica.end().await;
    let parts = world.parts();
    world.replica = parts.start(store.clone(), Settings::default()).await;
    world.notification = world.replica.client.clone();
    let other = parts.start(store.clone(), Settings::default()).await;
    let world = world.with_fcm().await;

    let ids: Vec<String> = (0..USERS).map(|n| format!("user-{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let users = world.users(&ids).await;
    for (user, id) in users.iter().zip(&ids).skip(1) {
        world.device(*user, id).await;
    }
    let mut channels = Vec::new();
    for n in 0..MESSAGES {
        channels.push(world.make_channel("group", &format!("channel {n}"), users[0], &users[1..]).await);
    }
    let invited = MESSAGES * (USERS - 1);
    wait_until("invitations", async || world.recorder.taken().len(), |taken| *taken >= invited).await;
    world.advance(60);
    for channel in &channels {
        world.send(users[0], *channel, "hello").await;
    }
    let all = invited + MESSAGES * (USERS - 1);
    wait_until("pushes", async || world.recorder.taken().len(), |taken| *taken >= all).await;
    let queue = async || {
        let request = world.backend().request(GetQueueRequest {});
        other.client.clone().get_queue(request).await.unwrap().into_inner()
    };
    wait_until("an empty queue", queue, |queue| queue.waiting == 0).await;
    let taken = world.recorder.taken();
    let distinct: HashSet<_> = taken.iter().map(|one| one.push.id).collect();
    assert_eq!((taken.len(), distinct.len()), (all, all));
    other.end().await;
    world.replica.end().await;
    store.remove().await;
}
