//! What a send costs is counted, not argued.

use std::time::Instant;

use sea_orm::{ConnectionTrait, Statement};

use crate::world::World;

/// What some sends added: statements, and rows per table.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    statements: u64,
    /// Most of them that the sweeper may have asked meanwhile: how far the log has come, and on a shared
    /// database who leads and who is alive.
    swept: u64,
    rows: Vec<(&'static str, i64)>,
}

async fn rows(world: &World) -> Vec<(&'static str, i64)> {
    let mut counts = Vec::new();
    for table in ["stream_heads", "stream_entries", "messages", "reactions", "read_positions"] {
        let connection = world.message_store.read();
        let count = Statement::from_string(
            connection.get_database_backend(),
            format!("SELECT COUNT(*) AS n FROM {table}"),
        );
        let row = connection.query_one_raw(count).await.unwrap().unwrap();
        counts.push((table, row.try_get::<i64>("", "n").unwrap()));
    }
    counts
}

/// Cost of `count` sends, one after the other or at once.
async fn cost_of(world: &World, author: i64, channel: i64, count: usize, at_once: bool) -> Cost {
    world.send(author, channel, "permission is remembered from now on").await;
    let before = rows(world).await;
    let (statements, started) = (world.message_store.statements(), Instant::now());
    if at_once {
        let sends = (0..count).map(|_| world.send(author, channel, "x"));
        futures_util::future::join_all(sends).await;
    } else {
        for _ in 0..count {
            world.send(author, channel, "x").await;
        }
    }
    let statements = world.message_store.statements() - statements;
    let each_second = if world.message_store.is_shared() { 4 } else { 1 };
    let swept = each_second * (started.elapsed().as_secs() + 2);
    let after = rows(world).await;
    let rows = before.into_iter().zip(after).map(|((table, was), (_, is))| (table, is - was)).collect();
    Cost { statements, swept, rows }
}

#[tokio::test]
async fn a_send_costs_the_same_with_2_and_with_10_000_members() {
    let world = World::new().await;
    let ids: Vec<String> = (0..10_000).map(|n| format!("user-{n}")).collect();
    let mut users = Vec::with_capacity(ids.len());
    for some in ids.chunks(100) {
        users.extend(world.users(&some.iter().map(String::as_str).collect::<Vec<_>>()).await);
    }
    let small = world.channel("group", users[0], &users[1..2]).await;
    let large = world.channel("group", users[0], &[]).await;
    for some in users[1..].chunks(100) {
        world.add(large, users[0], some).await;
    }
    let in_small = cost_of(&world, users[0], small, 20, false).await;
    let in_large = cost_of(&world, users[0], large, 20, false).await;
    assert_eq!(in_small.rows, in_large.rows);
    let swept = in_small.swept.max(in_large.swept);
    assert!(in_small.statements.abs_diff(in_large.statements) <= swept, "{in_small:?} {in_large:?}");
    assert!(in_small.statements <= 20 * 6 + swept, "{in_small:?} for 20 sends");
    let expected = [
        ("stream_heads", 0),
        ("stream_entries", 20),
        ("messages", 20),
        ("reactions", 0),
        ("read_positions", 0),
    ];
    assert_eq!(in_large.rows, expected);
    assert_eq!(world.unread(users[9_999], large).await, 21);
}

#[tokio::test]
async fn sends_that_arrive_together_share_their_statements() {
    let world = World::new().await;
    let alice = world.users(&["alice"]).await[0];
    let channel = world.channel("group", alice, &[]).await;
    let cost = cost_of(&world, alice, channel, 100, true).await;
    // One batch while nothing waits, then what gathered meanwhile.
    assert!(cost.statements <= 10 * 6, "{cost:?} for 100 sends at once");
}
