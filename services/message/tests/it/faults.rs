//! A database that restarts, stands still, or loses the answer to a COMMIT.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parlance_core::{Num, Reason};
use parlance_proto::event::stream::Kind;
use parlance_proto::message::*;
use parlance_testkit::{CommitProxy, PostgresServer, wait_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::replicas::{Replicas, consecutive, number, offsets, wait_for};
use crate::world::{World, text_to};

/// One replica behind a proxy, and one beside it.
async fn behind_a_proxy() -> Option<(CommitProxy, Replicas)> {
    let Ok(url) = std::env::var("PARLANCE_TEST_POSTGRES_URL") else {
        println!("skipped: PARLANCE_TEST_POSTGRES_URL is not set");
        return None;
    };
    let (before, rest) = url.split_once('@').unwrap();
    let (address, database) = rest.split_once('/').unwrap();
    let proxy = CommitProxy::start(address.to_owned()).await;
    let by_proxy = format!("{before}@127.0.0.1:{}/{database}", proxy.port());
    let mut replicas = Replicas::on(url, 1).await;
    replicas.add(Some(&by_proxy)).await;
    Some((proxy, replicas))
}

fn keyed(channel: Num, text: &str) -> SendMessageRequest {
    SendMessageRequest { client_message_id: Uuid::new_v4().to_string(), ..text_to(channel, text) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_arrived_without_an_answer_is_acknowledged_all_the_same() {
    let Some((proxy, replicas)) = behind_a_proxy().await else { return };
    let alice = replicas.worlds[0].users(&["alice"]).await[0];
    let channel = replicas.worlds[0].channel("group", alice, &[]).await;
    for round in 1..=10 {
        replicas.worlds[1].send(alice, channel, "as usual").await;
        proxy.cut_after_commit();
        let sent = replicas.worlds[1].try_send(alice, keyed(channel, "cut off")).await.unwrap();
        assert!(!sent.repeated);
        assert_eq!((sent.message.unwrap().seq, proxy.cuts()), (round * 2, round as usize));
    }
    assert_eq!(replicas.worlds[0].list(alice, channel).await.len(), 20);
    let events = replicas.worlds[0].entries(Kind::Chat, channel).await;
    assert_eq!(offsets(&events), consecutive(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_did_not_arrive_is_a_clear_refusal_and_its_repeat_the_first_message() {
    let Some((proxy, replicas)) = behind_a_proxy().await else { return };
    let alice = replicas.worlds[0].users(&["alice"]).await[0];
    let channel = replicas.worlds[0].channel("group", alice, &[]).await;
    for round in 1..=10 {
        let request = keyed(channel, "cut off");
        proxy.cut_before_commit();
        let error = replicas.worlds[1].try_send(alice, request.clone()).await.unwrap_err();
        assert_eq!((error.reason, proxy.cuts()), (Reason::Unavailable, round as usize));
        assert!(error.retry_after.is_some());
        let again = replicas.worlds[1].try_send(alice, request).await.unwrap();
        assert_eq!((again.repeated, again.message.unwrap().seq), (false, round));
    }
    let events = replicas.worlds[0].entries(Kind::Chat, channel).await;
    assert_eq!(offsets(&events), consecutive(10));
}

/// What became of a steady stream of sends.
#[derive(Default)]
struct Sent {
    /// Seq by client id.
    acknowledged: HashMap<String, u64>,
    refused: Vec<(Reason, Duration)>,
}

/// Sends until it is told to stop; each send is tried once.
async fn send_steadily(
    world: &World,
    author: Num,
    channel: Num,
    acknowledged: &AtomicUsize,
    stop: &CancellationToken,
) -> Sent {
    let mut sent = Sent::default();
    while !stop.is_cancelled() {
        let request = keyed(channel, "steady");
        let id = request.client_message_id.clone();
        let started = Instant::now();
        match world.try_send(author, request).await {
            Ok(answer) => {
                sent.acknowledged.insert(id, answer.message.unwrap().seq);
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => sent.refused.push((error.reason, started.elapsed())),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sent
}

/// Sends through two replicas while something happens to their database, and checks that what was
/// acknowledged is there, once and in its place, and that refusals were clear and in time.
async fn lose_nothing_while(fault: impl AsyncFnOnce(&PostgresServer, &Replicas, Num, Num)) {
    let Some(server) = PostgresServer::start() else { return };
    let replicas = Replicas::on(server.url(), 2).await;
    let alice = replicas.worlds[0].users(&["alice"]).await[0];
    let channel = replicas.worlds[0].channel("group", alice, &[]).await;
    let (stop, so_far) = (CancellationToken::new(), AtomicUsize::new(0));
    let sending = async {
        tokio::join!(
            send_steadily(&replicas.worlds[0], alice, channel, &so_far, &stop),
            send_steadily(&replicas.worlds[1], alice, channel, &so_far, &stop),
            send_steadily(&replicas.worlds[1], alice, channel, &so_far, &stop),
        )
    };
    let fault = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        fault(&server, &replicas, alice, channel).await;
        // Enough to tell, however slow the machine is.
        wait_until("sends are acknowledged", async || so_far.load(Ordering::Relaxed), |count| *count > 50)
            .await;
        stop.cancel();
    };
    let ((one, two, three), ()) = tokio::join!(sending, fault);

    let mut stored: HashMap<String, u64> = HashMap::new();
    loop {
        let cursor = Some(list_messages_request::Cursor::SinceSeq(stored.len() as u64));
        let list = ListMessagesRequest { channel_num: channel, limit: 200, cursor, ..Default::default() };
        let world = &replicas.worlds[0];
        let page =
            world.message.clone().list_messages(world.by(alice).request(list)).await.unwrap().into_inner();
        for message in page.messages {
            assert_eq!(message.seq, stored.len() as u64 + 1, "seqs follow each other");
            assert!(stored.insert(message.client_message_id, message.seq).is_none(), "each once");
        }
        if !page.has_more {
            break;
        }
    }
    let mut refused = Vec::new();
    let mut acknowledged = 0;
    for sent in [one, two, three] {
        acknowledged += sent.acknowledged.len();
        for (id, seq) in sent.acknowledged {
            assert_eq!(stored.get(&id), Some(&seq), "what was acknowledged is there");
        }
        refused.extend(sent.refused);
    }
    println!("{acknowledged} acknowledged, {} stored, refused: {refused:?}", stored.len());
    assert!(acknowledged > 50);
    for (reason, took) in refused {
        let clear = matches!(reason, Reason::Unavailable | Reason::DeadlinePassed | Reason::Overloaded);
        assert!(clear && took < Duration::from_secs(12), "{reason} after {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_database_loses_nothing_and_the_first_reads_after_it_succeed() {
    lose_nothing_while(async |server, replicas, alice, channel| {
        for _ in 0..2 {
            server.down();
            server.up();
            for world in &replicas.worlds {
                world.list(alice, channel).await;
                assert!(world.unread(alice, channel).await == 0);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        for world in &replicas.worlds {
            wait_for("sends to succeed again", Duration::from_secs(10), async || {
                world.try_send(alice, keyed(channel, "after")).await.is_ok()
            })
            .await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stands_still_refuses_in_time_and_loses_nothing() {
    lose_nothing_while(async |server, replicas, alice, channel| {
        server.pause();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let started = Instant::now();
        let list = ListMessagesRequest { channel_num: channel, ..Default::default() };
        let context = replicas.worlds[0].by(alice).with_timeout(Duration::from_secs(2));
        let status =
            replicas.worlds[0].message.clone().list_messages(context.request(list)).await.unwrap_err();
        let reason = parlance_core::Error::from(status).reason;
        assert!(matches!(reason, Reason::Unavailable | Reason::DeadlinePassed), "{reason}");
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        tokio::time::sleep(Duration::from_secs(7)).await;
        server.resume();
        for world in &replicas.worlds {
            wait_for("sends to succeed again", Duration::from_secs(10), async || {
                world.try_send(alice, keyed(channel, "after")).await.is_ok()
            })
            .await;
        }
        // Facts are consumed as before.
        let other = replicas.worlds[1].channel("group", alice, &[]).await;
        replicas.worlds[0].send(alice, other, "x").await;
        // One that was taken for dead meanwhile has come back.
        let alive = "SELECT COUNT(*) AS n FROM replicas";
        wait_for("both to be alive", Duration::from_secs(5), async || {
            number(&replicas.stores.message, alive).await == 2
        })
        .await;
    })
    .await;
}
