//! chatsdk.md §5.2: threads.

use crate::prelude::*;

async fn scene() -> (Harness, [User; 2], String, String) {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let parent = id(&alice.send(&group, "parent").await);
    (server, [alice, bob], group, parent)
}

fn thread(channel: &str, parent: &str) -> String {
    format!("{}/thread", msg(channel, parent))
}

#[tokio::test]
async fn replies_are_read_ascending_beside_their_parent() {
    let (_server, [alice, bob], group, parent) = scene().await;
    let path = thread(&group, &parent);
    let first = bob.post(&path, &json!({"text": "one"})).await.created();
    has(&first, crate::messages::FIELDS);
    assert_eq!((&first["parentId"], &first["text"]), (&json!(parent), &json!("one")));
    alice.send_body(&group, &json!({"text": "two", "parentId": parent})).await.created();
    alice.send_body(&group, &json!({"text": "three", "parent_id": parent})).await.created();
    let page = bob.get(&path).await.ok();
    assert_eq!((&page["parent"]["id"], &page["hasMore"]), (&json!(parent), &json!(false)));
    assert_eq!(page["parent"]["replyCount"], 3);
    assert_eq!(texts(&page["replies"], "text"), ["one", "two", "three"]);
    assert_eq!(alice.texts(&group).await, ["parent"], "replies stay out of the main list");
}

#[tokio::test]
async fn a_thread_is_paged_backward_by_id_and_forward_by_time() {
    let (_server, [alice, _], group, parent) = scene().await;
    let path = thread(&group, &parent);
    let mut replies = Vec::new();
    for number in 1..=6 {
        replies.push(alice.post(&path, &json!({"text": number.to_string()})).await.created());
    }
    let ask = async |query: String| {
        let page = alice.get(&format!("{path}?{query}")).await.ok();
        (texts(&page["replies"], "text").join(""), page["hasMore"].as_bool().unwrap())
    };
    assert_eq!(ask("limit=6".into()).await, ("123456".to_owned(), false));
    assert_eq!(ask(format!("limit=2&before={}", id(&replies[4]))).await, ("34".to_owned(), true));
    assert_eq!(ask(format!("limit=5&before={}", id(&replies[2]))).await, ("12".to_owned(), false));
    let (first, more) = ask("limit=2".into()).await;
    assert_eq!((first.as_str(), more), ("12", true), "oldest first");
    // A client that pages by time goes on after it.
    let time = replies[1]["createdAt"].as_str().unwrap();
    let (rest, _) = ask(format!("limit=50&before={time}")).await;
    assert!("23456".ends_with(&rest) && rest.ends_with("3456"), "{rest}");
}

#[tokio::test]
async fn deleting_a_reply_corrects_the_count_of_its_parent() {
    let (_server, [alice, bob], group, parent) = scene().await;
    let reply = bob.post(&thread(&group, &parent), &json!({"text": "one"})).await.created();
    bob.post(&thread(&group, &parent), &json!({"text": "two"})).await.created();
    bob.delete(&msg(&group, &id(&reply))).await.ok();
    assert_eq!(alice.get(&msg(&group, &parent)).await.ok()["replyCount"], 1);
    assert_eq!(texts(&alice.get(&thread(&group, &parent)).await.ok()["replies"], "text"), ["two"]);
}

#[tokio::test]
async fn replies_need_a_live_top_level_parent_of_the_channel() {
    let (_server, [alice, _], group, parent) = scene().await;
    let reply = alice.post(&thread(&group, &parent), &json!({"text": "one"})).await.created();
    let body = json!({"text": "x"});
    alice.post(&thread(&group, &id(&reply)), &body).await.refused(404, "NOT_FOUND");
    alice.post(&thread(&group, NOBODY), &body).await.refused(404, "NOT_FOUND");
    let other = alice.group("h", &[]).await;
    alice.post(&thread(&other, &parent), &body).await.refused(404, "NOT_FOUND");
    alice.delete(&msg(&group, &parent)).await.ok();
    alice.post(&thread(&group, &parent), &body).await.refused(404, "NOT_FOUND");
    alice.get(&thread(&group, NOBODY)).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_thread_reply_is_sent_once_however_often_it_is_repeated() {
    let (_server, [alice, _], group, parent) = scene().await;
    let body = json!({"text": "one", "clientMsgId": "reply-1"});
    let first = alice.post(&thread(&group, &parent), &body).await.created();
    let again = alice.post(&thread(&group, &parent), &body).await.ok();
    assert_eq!((id(&again), &again["duplicate"]), (id(&first), &json!(true)));
    assert_eq!(alice.get(&thread(&group, &parent)).await.ok()["replies"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn participants_come_in_the_order_of_their_first_reply() {
    let (_server, [alice, bob], group, parent) = scene().await;
    let path = format!("{}/participants", thread(&group, &parent));
    assert_eq!(alice.get(&path).await.ok(), json!({"participants": []}));
    for user in [&bob, &alice, &alice] {
        user.post(&thread(&group, &parent), &json!({"text": "x"})).await.created();
    }
    let participants = alice.get(&path).await.ok()["participants"].clone();
    assert_eq!(texts(&participants, "id"), ["bob", "alice"]);
    assert_eq!(each(&participants, "replyCount"), [json!(1), json!(2)]);
    has(&participants[0], &["id", "name", "image", "replyCount"]);
}
