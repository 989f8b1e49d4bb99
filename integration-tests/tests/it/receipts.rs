//! chatsdk.md §4.3: receipts.

use crate::prelude::*;

async fn scene() -> (Harness, [User; 3], String, Vec<Value>) {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let group = alice.group("g", &[&bob, &carol]).await;
    let mut sent = Vec::new();
    for text in ["1", "2", "3"] {
        sent.push(alice.send(&group, text).await);
    }
    (server, [alice, bob, carol], group, sent)
}

fn receipts(channel: &str) -> String {
    format!("{}/receipts", ch(channel))
}

#[tokio::test]
async fn a_receipt_moves_the_position_and_answers_it() {
    let (_server, [_, bob, _], group, sent) = scene().await;
    let post =
        async |message: &Value| bob.post(&receipts(&group), &json!({"messageId": id(message)})).await.ok();
    assert_eq!(post(&sent[1]).await, json!({"success": true, "lastReadMessageId": id(&sent[1])}));
    assert_eq!(post(&sent[0]).await["lastReadMessageId"], id(&sent[1]));
    assert_eq!(bob.unread(&group).await, 1);
    bob.post(&receipts(&group), &json!({})).await.refused(400, "VALIDATION_ERROR");
    bob.post(&receipts(&group), &json!({"messageId": NOBODY})).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn readers_of_a_message_are_listed_without_its_author() {
    let (_server, [alice, bob, carol], group, sent) = scene().await;
    bob.post(&receipts(&group), &json!({"messageId": id(&sent[2])})).await.ok();
    carol.post(&format!("{}/read", ch(&group)), &json!({"messageId": id(&sent[0])})).await.ok();
    let of = async |message: &Value| {
        let path = format!("{}/messages/{}/receipts", receipts(&group), id(message));
        alice.get(&path).await.ok()
    };
    let first = of(&sent[0]).await;
    assert_eq!((&first["readCount"], &first["totalMembers"]), (&json!(2), &json!(3)));
    let mut readers = texts(&first["readBy"], "userId");
    readers.sort();
    assert_eq!(readers, ["bob", "carol"]);
    has(&first["readBy"][0], &["userId", "name", "image", "readAt"]);
    let last = of(&sent[2]).await;
    assert_eq!((&last["readCount"], texts(&last["readBy"], "userId")), (&json!(1), vec!["bob".to_owned()]));
    alice.get(&format!("{}/messages/{NOBODY}/receipts", receipts(&group))).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn receipts_of_many_messages_are_asked_at_once() {
    let (_server, [alice, bob, _], group, sent) = scene().await;
    bob.post(&receipts(&group), &json!({"messageId": id(&sent[1])})).await.ok();
    let query = format!("{}/query", receipts(&group));
    let ids = json!({"messageIds": [id(&sent[0]), id(&sent[2]), NOBODY, "nonsense"]});
    let answer = alice.post(&query, &ids).await.ok();
    let of = |message: &str| answer["receipts"][message].clone();
    assert_eq!(of(&id(&sent[0]))["readCount"], 1);
    assert_eq!(texts(&of(&id(&sent[0]))["readers"], "userId"), ["bob"]);
    for unread in [id(&sent[2]).as_str(), NOBODY, "nonsense"] {
        assert_eq!(of(unread), json!({"readCount": 0, "readers": []}), "{unread}");
    }
    let many: Vec<&str> = std::iter::repeat_n(NOBODY, 101).collect();
    for wrong in
        [json!({}), json!({"messageIds": []}), json!({"messageIds": many}), json!({"messageIds": "x"})]
    {
        alice.post(&query, &wrong).await.refused(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn read_status_shows_every_member_s_position() {
    let (_server, [alice, bob, _], group, sent) = scene().await;
    bob.post(&receipts(&group), &json!({"messageId": id(&sent[1])})).await.ok();
    let status = alice.get(&format!("{}/read-status", receipts(&group))).await.ok();
    let of = |user: &str| find(&status["members"], "userId", user);
    has(&of("bob"), &["userId", "name", "image", "lastReadMessageId", "lastReadSeq"]);
    assert_eq!(
        (&of("bob")["lastReadMessageId"], &of("bob")["lastReadSeq"]),
        (&json!(id(&sent[1])), &sent[1]["seq"])
    );
    assert_eq!((&of("carol")["lastReadMessageId"], &of("carol")["lastReadSeq"]), (&Value::Null, &json!(0)));
    assert_eq!(of("alice")["lastReadSeq"], sent[2]["seq"], "sending has moved the author's own");
}
