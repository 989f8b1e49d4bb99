//! centrifugo.md §9: recovery while publications flow.

use parlance_integration_tests::checker::{Acknowledged, Evidence, Received, Stored, assert_faultless};

use crate::prelude::*;

/// Messages sent while the listener comes and goes.
const MESSAGES: usize = 1500;

#[tokio::test]
async fn a_listener_that_comes_and_goes_during_a_storm_gets_everything_once_in_order() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let chat = bob.chat(&group);
    let client = Realtime::connect(&server, &bob).await;
    let start = client.subscribed(&chat).await;
    drop(client);

    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let (user, group) = (alice.clone(), group.clone());
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for number in 0..MESSAGES / 8 {
                    let key = format!("{sender}-{number}");
                    let body = json!({"text": key, "clientMsgId": key});
                    let message = user.send_body(&group, &body).await.created();
                    acknowledged.push(Acknowledged { sender, key, id: id(&message), seq: seq(&message) });
                }
                acknowledged
            })
        })
        .collect();

    let total = MESSAGES / 8 * 8;
    let mut received: Vec<Received> = Vec::new();
    let mut position = start.offset;
    let mut rounds = 0;
    while received.len() < total {
        rounds += 1;
        let client = Realtime::connect_in(&server, &bob, Encoding::ALL[rounds % 2]).await;
        let result = client.recover(&chat, position, &start.epoch).await.subscribe.expect("subscribed");
        assert!(result.recovered, "round {rounds} at {position}");
        let enough = (total - received.len()).min(60);
        client
            .wait_until("some arrive", |state| {
                (state.on(&chat).iter().filter(|one| one.offset > 0).count() >= enough).then_some(())
            })
            .await;
        for publication in client.cut().await.on(&chat) {
            if publication.offset > 0 {
                position = position.max(publication.offset);
                assert_eq!(publication.kind(), "message.new");
                let message = publication.payload()["message"].clone();
                received.push(Received { id: id(&message), seq: seq(&message), offset: publication.offset });
            }
        }
    }
    assert!(rounds > 3, "the listener has come and gone {rounds} times");

    let mut acknowledged = Vec::new();
    for sender in senders {
        acknowledged.extend(sender.await.unwrap());
    }
    let evidence = Evidence {
        attempted: acknowledged.iter().map(|one| one.key.clone()).collect(),
        acknowledged,
        stored: stored(&bob, &group).await,
        received: Some(received),
    };
    assert_faultless(&evidence);
}

/// Everything that a channel holds, read page by page.
pub async fn stored(user: &User, channel: &str) -> Vec<Stored> {
    let mut all: Vec<Stored> = Vec::new();
    let mut query = "?limit=200".to_owned();
    loop {
        let page = user.messages(channel, &query).await;
        let messages = page["messages"].as_array().unwrap();
        let rows = messages.iter().map(|message| Stored {
            key: message["clientMsgId"].as_str().unwrap_or_default().to_owned(),
            id: id(message),
            seq: seq(message),
        });
        all.splice(0..0, rows.collect::<Vec<_>>());
        if page["hasMore"] != true {
            return all;
        }
        query = format!("?limit=200&before={}", id(&messages[0]));
    }
}
