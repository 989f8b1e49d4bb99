//! What a send costs is counted, not argued.

use crate::world::World;

/// Statements of `count` sends, one after the other or at once.
async fn statements_of(world: &World, author: i64, channel: i64, count: usize, at_once: bool) -> u64 {
    world.send(author, channel, "permission is remembered from now on").await;
    let before = world.message_store.statements();
    if at_once {
        let sends = (0..count).map(|_| world.send(author, channel, "x"));
        futures_util::future::join_all(sends).await;
    } else {
        for _ in 0..count {
            world.send(author, channel, "x").await;
        }
    }
    world.message_store.statements() - before
}

#[tokio::test]
async fn a_send_costs_the_same_in_a_small_and_in_a_large_channel() {
    let world = World::new().await;
    let mut ids: Vec<String> = (0..1000).map(|n| format!("user-{n}")).collect();
    ids.insert(0, "owner".into());
    let mut users = Vec::new();
    for some in ids.chunks(100) {
        users.extend(world.users(&some.iter().map(String::as_str).collect::<Vec<_>>()).await);
    }
    let small = world.channel("group", users[0], &users[1..2]).await;
    let large = world.channel("group", users[0], &[]).await;
    for some in users[1..].chunks(100) {
        world.add(large, users[0], some).await;
    }
    let in_small = statements_of(&world, users[0], small, 20, false).await;
    let in_large = statements_of(&world, users[0], large, 20, false).await;
    assert_eq!(in_small, in_large);
    assert!(in_small <= 20 * 6, "{in_small} statements for 20 sends");
}

#[tokio::test]
async fn sends_that_arrive_together_share_their_statements() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let statements = statements_of(&world, alice, channel, 100, true).await;
    // One batch while nothing waits, then what gathered meanwhile.
    assert!(statements <= 10 * 6, "{statements} statements for 100 sends at once");
}
