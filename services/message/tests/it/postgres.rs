//! The same tables and statements on PostgreSQL, which the test command starts.

use parlance_proto::message::*;

use crate::changes::participants_of_a_thread;
use crate::world::{World, reference, text_to};

/// Takes schemas away, from a thread of its own since the test's runtime may be ending.
pub fn drop_schemas(url: String, schemas: Vec<String>) {
    let work = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let Ok(connection) = sea_orm::Database::connect(&url).await else { return };
            for schema in schemas {
                let drop = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
                // What cannot be dropped is only litter.
                let _ = sea_orm::ConnectionTrait::execute_unprepared(&connection, &drop).await;
            }
        });
    });
    let _ = work.join();
}

#[tokio::test]
async fn the_message_path_works_on_postgresql() {
    let Ok(url) = std::env::var("PARLANCE_TEST_POSTGRES_URL") else {
        println!("skipped: PARLANCE_TEST_POSTGRES_URL is not set");
        return;
    };
    let world = World::on(Some(&url)).await;
    let users = world.users(&["alice", "bob"]).await;
    let channel = world.channel("group", users[0], &[users[1]]).await;
    let sends = (0..50).map(|n| {
        let id = uuid::Uuid::new_v4().to_string();
        let request = SendMessageRequest { client_message_id: id, ..text_to(channel, &format!("{n} @bob")) };
        world.try_send(users[0], request)
    });
    let mut seqs: Vec<u64> = futures_util::future::join_all(sends)
        .await
        .into_iter()
        .map(|answer| answer.unwrap().message.unwrap().seq)
        .collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=50).collect::<Vec<_>>());
    assert_eq!(world.unread(users[1], channel).await, 50);

    let messages = world.list(users[1], channel).await;
    assert_eq!(messages[0].mention_nums, vec![users[1]]);
    let react = AddReactionRequest {
        channel_num: channel,
        message: Some(reference(&messages[0])),
        r#type: "👍".into(),
    };
    world.message.clone().add_reaction(world.by(users[1]).request(react)).await.unwrap();
    assert_eq!(world.list(users[1], channel).await[0].reactions[0].count, 1);
    let pin = PinMessageRequest { channel_num: channel, message: Some(reference(&messages[1])) };
    world.message.clone().pin_message(world.by(users[0]).request(pin)).await.unwrap();
    world.delete(users[0], &messages[2]).await.unwrap();
    assert_eq!(world.unread(users[1], channel).await, 49);
    assert_eq!(world.read(users[1], channel, Some(&messages[9])).await.unread, 40);
    let request = SummarizeChannelsRequest { channel_nums: vec![channel] };
    let summary =
        world.message.clone().summarize_channels(world.by(users[1]).request(request)).await.unwrap();
    let summary = &summary.into_inner().summaries[0];
    assert_eq!((summary.unread, summary.message_count, summary.last_seq), (40, 49, 50));
    let offsets: Vec<u64> = world
        .entries(parlance_proto::event::stream::Kind::Chat, channel)
        .await
        .iter()
        .map(|event| event.offset)
        .collect();
    assert_eq!(offsets, (1..=offsets.len() as u64).collect::<Vec<_>>());
    let others = world.users(&["carol", "dave"]).await;
    world.add(channel, users[0], &others[..1]).await;
    participants_of_a_thread(&world, &[users[0], users[1], others[0], others[1]], channel).await;
    let same = SendMessageRequest { idempotency_key: "k".into(), ..text_to(channel, "once") };
    assert!(!world.try_send(users[0], same.clone()).await.unwrap().repeated);
    assert!(world.try_send(users[0], same).await.unwrap().repeated);
}
