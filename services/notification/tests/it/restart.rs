//! A process that is killed, and one that takes its place.

use std::collections::HashSet;

use parlance_notification::Settings;
use parlance_sql::Store;
use parlance_testkit::wait_until;

use crate::world::World;

#[tokio::test]
async fn a_kill_in_the_middle_of_the_queue_loses_nothing_and_changes_no_id() {
    const USERS: usize = 40;
    let world = World::new().await.with_fcm().await;
    let Some(path) = world.store.path() else {
        // Two replicas on PostgreSQL are tested apart.
        return;
    };
    world.replica.end().await;
    // A process of its own: a runtime that is taken away.
    let process = tokio::runtime::Runtime::new().unwrap();
    let parts = world.parts();
    let killed = process
        .spawn(async move {
            let store = Store::open(&parlance_sql::Settings::File(path)).await.unwrap();
            parts.start(store, Settings::default()).await
        })
        .await
        .unwrap();
    let mut world = world;
    world.notification = killed.client.clone();

    let ids: Vec<String> = (0..USERS).map(|n| format!("user-{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let users = world.users(&ids).await;
    let channel = world.channel("group", "General", users[0], &users[1..]).await;
    world.settled().await;
    for (user, id) in users.iter().zip(&ids).skip(1) {
        world.device(*user, id).await;
    }
    // Half of the calls hang: taken by the process, not taken by the push service.
    world.recorder.hang_at(&ids[20..]);
    world.send(users[0], channel, "hello").await;
    wait_until("calls to hang", async || world.recorder.hung().len(), |hung| *hung >= 2).await;
    process.shutdown_background();
    let before: HashSet<_> = world.recorder.tried().iter().map(|one| one.push.id).collect();
    let hung: HashSet<_> = world.recorder.hung().into_iter().collect();

    world.recorder.hang_at(&[]);
    world.advance(200);
    world.replica = world.parts().start(world.store.clone(), Settings::default()).await;
    let everybody = async || {
        let taken = world.recorder.taken();
        taken.iter().map(|one| one.target.token.clone()).collect::<HashSet<_>>().len()
    };
    wait_until("everybody to be told", everybody, |told| *told == USERS - 1).await;
    world.settled().await;
    let taken = world.recorder.taken();
    let ids_of: HashSet<_> = taken.iter().map(|one| (one.push.id, one.target.token.clone())).collect();
    assert_eq!(ids_of.len(), USERS - 1, "a repeat has the id that the first try had");
    let ids: HashSet<_> = taken.iter().map(|one| one.push.id).collect();
    assert!(before.is_subset(&ids) && hung.is_subset(&ids));
}
