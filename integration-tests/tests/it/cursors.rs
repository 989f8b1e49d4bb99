//! chatsdk.md §4.4: the pages of a channel's messages.

use crate::prelude::*;

async fn channel_of(count: usize) -> (Harness, User, String, Vec<Value>) {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let mut sent = Vec::new();
    for number in 1..=count {
        sent.push(alice.send(&group, &number.to_string()).await);
    }
    (server, alice, group, sent)
}

async fn page(user: &User, channel: &str, query: &str) -> (Vec<u64>, bool) {
    let page = user.messages(channel, query).await;
    let seqs = page["messages"].as_array().unwrap().iter().map(seq).collect();
    (seqs, page["hasMore"].as_bool().expect("hasMore is a boolean"))
}

#[tokio::test]
async fn has_more_is_right_in_all_four_directions() {
    let (_server, alice, group, sent) = channel_of(10).await;
    let of = |number: usize| id(&sent[number - 1]);
    let ask = async |query: String| page(&alice, &group, &query).await;
    assert_eq!(ask("?limit=4".into()).await, (vec![7, 8, 9, 10], true));
    assert_eq!(ask("?limit=10".into()).await, ((1..=10).collect(), false));
    assert_eq!(ask(format!("?limit=3&before={}", of(7))).await, (vec![4, 5, 6], true));
    assert_eq!(ask(format!("?limit=3&before={}", of(4))).await, (vec![1, 2, 3], false));
    assert_eq!(ask(format!("?before={}", of(1))).await, (vec![], false));
    assert_eq!(ask(format!("?limit=3&after={}", of(5))).await, (vec![6, 7, 8], true));
    assert_eq!(ask(format!("?limit=3&after={}", of(7))).await, (vec![8, 9, 10], false));
    assert_eq!(ask(format!("?after={}", of(10))).await, (vec![], false));
    assert_eq!(ask("?limit=4&since_seq=3".into()).await, (vec![4, 5, 6, 7], true));
    assert_eq!(ask("?limit=4&since_seq=6".into()).await, (vec![7, 8, 9, 10], false));
    assert_eq!(ask("?since_seq=10".into()).await, (vec![], false));
    assert_eq!(ask("?limit=2&since_seq=0".into()).await, (vec![9, 10], true), "0 = not used");
}

#[tokio::test]
async fn since_seq_wins_over_before_and_before_over_after() {
    let (_server, alice, group, sent) = channel_of(6).await;
    let (second, fourth) = (id(&sent[1]), id(&sent[3]));
    let all = format!("?since_seq=4&before={fourth}&after={second}");
    assert_eq!(page(&alice, &group, &all).await.0, [5, 6]);
    assert_eq!(page(&alice, &group, &format!("?before={fourth}&after={second}")).await.0, [1, 2, 3]);
}

#[tokio::test]
async fn a_deleted_cursor_still_works_and_an_unknown_one_does_not() {
    let (_server, alice, group, sent) = channel_of(5).await;
    alice.delete(&msg(&group, &id(&sent[2]))).await.ok();
    let cursor = id(&sent[2]);
    assert_eq!(page(&alice, &group, &format!("?before={cursor}")).await.0, [1, 2]);
    assert_eq!(page(&alice, &group, &format!("?after={cursor}")).await.0, [4, 5]);
    let other = alice.group("h", &[]).await;
    let foreign = id(&alice.send(&other, "x").await);
    for unknown in [NOBODY, "x", foreign.as_str()] {
        for direction in ["before", "after"] {
            let path = format!("{}/messages?{direction}={unknown}", ch(&group));
            alice.get(&path).await.refused(400, "VALIDATION_ERROR");
        }
    }
}

#[tokio::test]
async fn thread_replies_leave_gaps_that_no_page_waits_for() {
    let (_server, alice, group, sent) = channel_of(2).await;
    let parent = id(&sent[0]);
    for _ in 0..3 {
        alice.send_body(&group, &json!({"text": "reply", "parentId": parent})).await.created();
    }
    let (seqs, more) = page(&alice, &group, "?since_seq=2").await;
    assert_eq!((seqs, more), (vec![], false));
    assert_eq!(alice.messages(&group, "").await["maxSeq"], 5);
    alice.send(&group, "top").await;
    assert_eq!(page(&alice, &group, "?since_seq=2&limit=1").await, (vec![6], false));
    assert_eq!(page(&alice, &group, "").await, (vec![1, 2, 6], false));
}

#[tokio::test]
async fn limits_are_clamped_and_pages_walk_a_long_channel() {
    let (_server, alice, group, _) = channel_of(230).await;
    assert_eq!(page(&alice, &group, "").await.0.len(), 100);
    assert_eq!(page(&alice, &group, "?limit=500").await.0.len(), 200);
    assert_eq!(page(&alice, &group, "?limit=0").await.0.len(), 1);
    let mut walked: Vec<u64> = Vec::new();
    let mut query = "?limit=50".to_owned();
    loop {
        let page = alice.messages(&group, &query).await;
        let messages = page["messages"].as_array().unwrap();
        walked.splice(0..0, messages.iter().map(seq));
        query = format!("?limit=50&before={}", id(&messages[0]));
        if page["hasMore"] == false {
            break;
        }
    }
    assert_eq!(walked, (1..=230).collect::<Vec<u64>>());
}

#[tokio::test]
async fn changed_since_adds_older_messages_that_changed() {
    let (_server, alice, group, sent) = channel_of(4).await;
    let before = sent[3]["createdAt"].as_str().unwrap();
    alice.patch(&msg(&group, &id(&sent[0])), &json!({"text": "edited"})).await.ok();
    alice.delete(&msg(&group, &id(&sent[1]))).await.ok();
    let page = alice.messages(&group, &format!("?since_seq=4&changed_since={before}")).await;
    let seqs: Vec<u64> = page["messages"].as_array().unwrap().iter().map(seq).collect();
    assert!(seqs.contains(&1) && seqs.contains(&2), "{seqs:?}");
    assert!(!seqs.contains(&3), "{seqs:?}");
    alice
        .get(&format!("{}/messages?since_seq=4&changed_since=yesterday", ch(&group)))
        .await
        .refused(400, "VALIDATION_ERROR");
}
