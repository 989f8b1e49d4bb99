//! SIGKILL at full send rate: what was acknowledged is there, once, in order; what was not is retried safely.

use std::time::Duration;

use parlance_integration_tests::checker::{Evidence, Received, assert_faultless};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::Burst;
use crate::prelude::*;
use crate::realtime::storm::stored;

const ROUNDS: usize = 20;
const SENDERS: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_at_full_rate_lose_double_and_disorder_nothing() {
    let mut random = StdRng::seed_from_u64(20);
    let mut server = Harness::start_with(Options::new().embedded()).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let mut total = 0;
    for round in 0..ROUNDS {
        let group = alice.group(&format!("round {round}"), &[&bob]).await;
        let chat = bob.chat(&group);
        let listener = Realtime::connect(&server, &bob).await;
        let start = listener.subscribed(&chat).await;
        let burst = Burst::start(&[&alice, &bob], &group, SENDERS, &format!("r{round}"));
        burst.run(2 * SENDERS, Duration::from_millis(random.random_range(0..700))).await;
        server.kill();
        let mut evidence = burst.evidence().await;
        let before = listener.cut().await;
        server.start_again().await;

        evidence.stored = stored(&bob, &group).await;
        assert_retries_are_safe(&alice, &bob, &group, &mut evidence).await;
        evidence.received = Some(received(&server, &bob, &chat, &before, start.offset, &start.epoch).await);
        assert_faultless(&evidence);
        total += evidence.acknowledged.len();
    }
    println!("{ROUNDS} rounds, {total} acknowledged messages: none lost, doubled or out of order");
}

/// Repeats the newest acknowledged and the newest unanswered send of every sender after the restart.
async fn assert_retries_are_safe(alice: &User, bob: &User, group: &str, evidence: &mut Evidence) {
    for sender in 0..SENDERS {
        let user = [alice, bob][sender % 2];
        let own = |key: &String| key.split('-').nth(1) == Some(sender.to_string().as_str());
        let newest = evidence.attempted.iter().rfind(|key| own(key)).cloned();
        let acknowledged = evidence.acknowledged.iter().rfind(|one| one.sender == sender).cloned();
        if let Some(one) = acknowledged {
            let body = json!({"text": "again", "clientMsgId": one.key});
            let again = user.send_body(group, &body).await.ok();
            assert_eq!((id(&again), seq(&again), &again["duplicate"]), (one.id, one.seq, &json!(true)));
        }
        if let Some(key) = newest {
            let body = json!({"text": key, "clientMsgId": key});
            let answer = user.send_body(group, &body).await;
            let known = evidence.stored.iter().any(|one| one.key == key);
            assert_eq!(answer.status, if known { 200 } else { 201 }, "{key}: {}", answer.text);
        }
    }
    evidence.stored = stored(bob, group).await;
}

/// What the listener had before the kill and recovers after the restart.
async fn received(
    server: &Harness,
    user: &User,
    chat: &str,
    before: &parlance_integration_tests::realtime::State,
    start: u64,
    epoch: &str,
) -> Vec<Received> {
    let mut all = messages(&before.on(chat));
    let mut position = before.on(chat).iter().map(|one| one.offset).max().unwrap_or(start).max(start);
    loop {
        let client = Realtime::connect(server, user).await;
        let result = client.recover(chat, position, epoch).await.subscribe.expect("subscribed");
        assert!(result.recovered, "the position {position} is recovered after the kill");
        all.extend(messages(&result.publications));
        match result.publications.last() {
            Some(last) => position = last.offset,
            None => return all,
        }
    }
}

fn messages(publications: &[parlance_integration_tests::realtime::Publication]) -> Vec<Received> {
    let news = publications.iter().filter(|one| one.offset > 0 && one.kind() == "message.new");
    news.map(|one| {
        let message = one.payload()["message"].clone();
        Received { id: id(&message), seq: seq(&message), offset: one.offset }
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_stop_finishes_what_is_in_flight() {
    let mut server = Harness::start_with(Options::new().embedded()).await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let burst = Burst::start(&[&alice, &bob], &group, SENDERS, "drain");
    burst.run(2 * SENDERS, Duration::from_millis(200)).await;
    let status = server.terminate().await;
    assert!(status.success(), "{status}");
    let mut evidence = burst.evidence().await;
    server.start_again().await;
    evidence.stored = stored(&bob, &group).await;
    assert_faultless(&evidence);
    // Whoever was refused was refused cleanly: nothing that was not acknowledged is there.
    let unanswered = evidence.stored.len() - evidence.acknowledged.len();
    assert_eq!(unanswered, 0, "stored but never acknowledged in an orderly stop");
}
