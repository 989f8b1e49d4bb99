//! All streams as one log.

use parlance_proto::event::{LogEntry, ReadLogRequest, ReadLogResponse, event::Payload};
use parlance_proto::message::EditMessageRequest;
use parlance_testkit::wait_until;
use prost::Message as _;

use crate::world::{World, reference};

async fn read(world: &World, after_position: u64, limit: u32) -> ReadLogResponse {
    let request = world.service().request(ReadLogRequest { after_position, limit });
    world.message.clone().read_log(request).await.unwrap().into_inner()
}

/// Texts of created messages.
fn texts(entries: &[LogEntry]) -> Vec<&str> {
    fn text(entry: &LogEntry) -> Option<&str> {
        match &entry.event.as_ref()?.payload {
            Some(Payload::MessageCreated(created)) => Some(&created.message.as_ref()?.text),
            _ => None,
        }
    }
    entries.iter().filter_map(text).collect()
}

#[tokio::test]
async fn it_holds_the_entries_of_all_streams_and_apps_in_pages_with_their_bodies() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let one = world.channel("group", users[0], &users[1..]).await;
    let other = world.channel("group", users[0], &users[1..]).await;
    for n in 0..10 {
        world.send(users[0], if n % 2 == 0 { one } else { other }, &n.to_string()).await;
    }
    let top = read(&world, u64::MAX >> 1, 1).await;
    assert!(top.entries.is_empty());
    let (mut after, mut all) = (0, Vec::new());
    while after < top.top_position {
        let page = read(&world, after, 3).await;
        assert!((1..=3).contains(&page.entries.len()), "{page:?}");
        after = page.entries.last().unwrap().position;
        all.extend(page.entries);
    }
    assert!(all.windows(2).all(|pair| pair[0].position < pair[1].position));
    assert_eq!(texts(&all), (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    let ids: std::collections::HashSet<_> =
        all.iter().map(|entry| entry.event.as_ref().unwrap().id.clone()).collect();
    assert_eq!(ids.len(), all.len());
}

#[tokio::test]
async fn a_reader_that_follows_while_many_write_misses_nothing() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let mut channels = Vec::new();
    for _ in 0..8 {
        channels.push(world.channel("group", users[0], &users[1..]).await);
    }
    let start = read(&world, u64::MAX >> 1, 1).await.top_position;
    let writers = channels.iter().map(|&channel| {
        let (world, author) = (&world, users[0]);
        async move {
            for n in 0..25 {
                world.send(author, channel, &n.to_string()).await;
            }
        }
    });
    let seen = tokio::sync::Mutex::new((start, Vec::new()));
    let follow = wait_until(
        "all messages",
        async || {
            let mut seen = seen.lock().await;
            let page = read(&world, seen.0, 7).await;
            if let Some(last) = page.entries.last() {
                seen.0 = last.position;
            }
            seen.1.extend(texts(&page.entries).into_iter().map(str::to_owned));
            seen.1.len()
        },
        |count| *count >= 8 * 25,
    );
    let (count, _) = tokio::join!(follow, futures_util::future::join_all(writers));
    assert_eq!(count, 8 * 25);
}

#[tokio::test]
async fn a_page_has_a_limit_in_bytes_however_often_a_long_message_is_edited() {
    let world = World::new().await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &users[1..]).await;
    let sent = world.send(users[0], channel, "short").await;
    for n in 0..150 {
        let text = format!("{n} {}", "\u{20ac}".repeat(9_900));
        let request = EditMessageRequest { channel_num: channel, message: Some(reference(&sent)), text };
        world.message.clone().edit_message(world.by(users[0]).request(request)).await.unwrap();
    }
    let (mut after, mut updates) = (0, 0);
    loop {
        let page = read(&world, after, 1000).await;
        assert!(page.encoded_len() < 4 * 1024 * 1024 + 1024, "{} bytes", page.encoded_len());
        let Some(last) = page.entries.last() else { break };
        after = last.position;
        let is_update = |entry: &&LogEntry| {
            matches!(entry.event.as_ref().unwrap().payload, Some(Payload::MessageUpdated(_)))
        };
        updates += page.entries.iter().filter(is_update).count();
    }
    assert_eq!(updates, 150);
}
