//! chatsdk.md §3.3 and §4.2: unread counts and read positions.

use crate::prelude::*;

fn read(channel: &str) -> String {
    format!("{}/read", ch(channel))
}

#[tokio::test]
async fn unread_counts_messages_of_others_after_the_position() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let other = alice.group("h", &[&bob]).await;
    for text in ["1", "2", "3"] {
        alice.send(&group, text).await;
    }
    alice.send(&other, "4").await;
    assert_eq!((bob.unread(&group).await, bob.unread(&other).await, bob.total_unread().await), (3, 1, 4));
    assert_eq!((alice.unread(&group).await, alice.total_unread().await), (0, 0));
    let answer = bob.get("/api/channels/unread-count").await.ok();
    assert_eq!(answer, json!({"count": 4}));
}

#[tokio::test]
async fn the_plain_call_reads_everything() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let last = alice.send(&group, "1").await;
    assert_eq!(bob.post_empty(&read(&group)).await.ok(), json!({"success": true, "lastReadSeq": seq(&last)}));
    assert_eq!((bob.unread(&group).await, bob.total_unread().await), (0, 0));
    assert_eq!(bob.get(&ch(&group)).await.ok()["lastReadSeq"], seq(&last));
}

#[tokio::test]
async fn reading_up_to_a_message_leaves_what_comes_after_and_never_goes_back() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let mut sent = Vec::new();
    for text in ["1", "2", "3", "4"] {
        sent.push(alice.send(&group, text).await);
    }
    let read_to = async |message: &Value| {
        let answer = bob.post(&read(&group), &json!({"messageId": id(message)})).await.ok();
        (answer["lastReadSeq"].as_u64().unwrap(), bob.unread(&group).await)
    };
    assert_eq!(read_to(&sent[1]).await, (seq(&sent[1]), 2));
    assert_eq!(read_to(&sent[0]).await, (seq(&sent[1]), 2));
    assert_eq!(read_to(&sent[2]).await, (seq(&sent[2]), 1));
    assert_eq!(bob.total_unread().await, 1);
    bob.post(&read(&group), &json!({"messageId": NOBODY})).await.refused(404, "NOT_FOUND");
    bob.post(&read(&group), &json!({"messageId": "x"})).await.refused(404, "NOT_FOUND");
    bob.post(&read(&group), &json!({"messageId": 7})).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn deleting_a_message_lowers_the_count_and_own_messages_never_raise_it() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let first = alice.send(&group, "1").await;
    alice.send(&group, "2").await;
    alice.delete(&msg(&group, &id(&first))).await.ok();
    assert_eq!(bob.unread(&group).await, 1);
    bob.send(&group, "mine").await;
    assert_eq!(bob.unread(&group).await, 1, "sending does not read what lies before");
    bob.post_empty(&read(&group)).await.ok();
    bob.send(&group, "mine again").await;
    assert_eq!(bob.unread(&group).await, 0);
    assert_eq!(alice.unread(&group).await, 2);
}

#[tokio::test]
async fn sending_moves_the_own_position_if_nothing_unread_lies_before() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let mine = alice.send(&group, "1").await;
    assert_eq!(alice.get(&ch(&group)).await.ok()["lastReadSeq"], seq(&mine));
    let before = bob.get(&ch(&group)).await.ok()["lastReadSeq"].clone();
    bob.send(&group, "2").await;
    assert_eq!(bob.get(&ch(&group)).await.ok()["lastReadSeq"], before);
}

#[tokio::test]
async fn thread_replies_and_edits_do_not_count() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let parent = id(&alice.send(&group, "parent").await);
    bob.post_empty(&read(&group)).await.ok();
    alice.send_body(&group, &json!({"text": "reply", "parentId": parent})).await.created();
    alice.patch(&msg(&group, &parent), &json!({"text": "edited"})).await.ok();
    assert_eq!((bob.unread(&group).await, bob.total_unread().await), (0, 0));
}

#[tokio::test]
async fn a_muted_channel_counts_in_the_total_unless_told_otherwise() {
    for (counts, total) in [(true, 2), (false, 1)] {
        let options = Options::new().with("dialects.chatsdk.muted_count_in_total", counts);
        let server = Harness::start_with(options).await;
        let [alice, bob] = server.users(["alice", "bob"]).await;
        let [loud, quiet] = [alice.group("loud", &[&bob]).await, alice.group("quiet", &[&bob]).await];
        bob.patch(&format!("{}/settings", ch(&quiet)), &json!({"muted": true})).await.ok();
        alice.send(&loud, "1").await;
        alice.send(&quiet, "2").await;
        assert_eq!(bob.total_unread().await, total);
        assert_eq!(bob.unread(&quiet).await, 1);
    }
}

#[tokio::test]
async fn leaving_takes_the_unread_of_the_channel_out_of_the_total() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    alice.send(&group, "1").await;
    assert_eq!(bob.total_unread().await, 1);
    bob.delete(&format!("{}/members/me", ch(&group))).await.ok();
    assert_eq!(bob.total_unread().await, 0);
}
