//! design.md §4.6: a write is seen by the next read, without a wait.

use crate::prelude::*;

/// How many pairs of write and read.
const PAIRS: usize = 1000;

#[tokio::test]
async fn a_thousand_writes_are_each_seen_by_the_next_read() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let mut group = alice.group("g0", &[&bob]).await;
    let mut last = alice.send(&group, "first").await;
    for pair in 0..PAIRS {
        let text = format!("text {pair}");
        match pair % 20 {
            0 => {
                group = alice.group(&format!("g{pair}"), &[&bob]).await;
                let list = bob.get("/api/channels?limit=100").await.ok();
                find(&list["channels"], "id", &group);
                last = alice.send(&group, "first").await;
            }
            1 | 11 => {
                last = alice.send(&group, &text).await;
                let page = bob.messages(&group, "?limit=1").await;
                assert_eq!(id(&page["messages"][0]), id(&last), "pair {pair}");
            }
            2 => {
                last = alice.send(&group, &text).await;
                let list = bob.get("/api/channels?limit=1").await.ok();
                let first = &list["channels"][0];
                assert_eq!(
                    (&first["id"], &first["lastMessage"]["id"]),
                    (&json!(group), &last["id"]),
                    "pair {pair}"
                );
            }
            3 => {
                let before = bob.unread(&group).await;
                alice.send(&group, &text).await;
                assert_eq!(bob.unread(&group).await, before + 1, "pair {pair}");
            }
            4 => {
                bob.post_empty(&format!("{}/read", ch(&group))).await.ok();
                assert_eq!(bob.unread(&group).await, 0, "pair {pair}");
            }
            5 => {
                alice.patch(&msg(&group, &id(&last)), &json!({"text": text})).await.ok();
                assert_eq!(bob.get(&msg(&group, &id(&last))).await.ok()["text"], text, "pair {pair}");
            }
            6 => {
                bob.post(&format!("{}/reactions", msg(&group, &id(&last))), &json!({"emoji": "x"}))
                    .await
                    .ok();
                let shown = alice.get(&msg(&group, &id(&last))).await.ok();
                assert_eq!(shown["reactions"][0]["count"], 1, "pair {pair}");
            }
            7 => {
                alice.post_empty(&format!("{}/pin", msg(&group, &id(&last)))).await.ok();
                let pins = bob.get(&format!("{}/pins", ch(&group))).await.ok();
                assert_eq!(id(&pins["messages"][0]), id(&last), "pair {pair}");
            }
            8 => {
                alice
                    .post(&format!("{}/thread", msg(&group, &id(&last))), &json!({"text": text}))
                    .await
                    .created();
                let thread = bob.get(&format!("{}/thread", msg(&group, &id(&last)))).await.ok();
                assert_eq!(thread["replies"][0]["text"], text, "pair {pair}");
            }
            9 => {
                alice.patch(&ch(&group), &json!({"name": text})).await.ok();
                assert_eq!(bob.get(&ch(&group)).await.ok()["name"], text, "pair {pair}");
            }
            10 => {
                alice.delete(&msg(&group, &id(&last))).await.ok();
                assert_eq!(bob.get(&msg(&group, &id(&last))).await.ok()["deleted"], true, "pair {pair}");
            }
            12 => {
                bob.patch(&format!("{}/settings", ch(&group)), &json!({"starred": true})).await.ok();
                assert_eq!(bob.get(&ch(&group)).await.ok()["starred"], true, "pair {pair}");
            }
            13 => {
                alice.delete(&format!("{}/members/bob", ch(&group))).await.ok();
                bob.get(&format!("{}/messages", ch(&group))).await.refused(403, "FORBIDDEN");
            }
            14 => {
                alice.post(&format!("{}/members", ch(&group)), &json!({"userId": "bob"})).await.ok();
                bob.send(&group, &text).await;
            }
            15 => {
                server.server_key().put("/api/users/bob", &json!({"name": text})).await.ok();
                let page = alice.messages(&group, "?limit=1").await;
                assert_eq!(page["messages"][0]["user"]["name"], text, "pair {pair}");
            }
            16 => {
                bob.post(&format!("{}/receipts", ch(&group)), &json!({"messageId": id(&last)})).await.ok();
                let status = alice.get(&format!("{}/receipts/read-status", ch(&group))).await.ok();
                let position = find(&status["members"], "userId", "bob")["lastReadSeq"].as_u64().unwrap();
                assert!(position >= seq(&last), "pair {pair}");
            }
            17 => {
                let before = bob.total_unread().await;
                alice.send(&group, &text).await;
                assert_eq!(bob.total_unread().await, before + 1, "pair {pair}");
            }
            18 => {
                alice.patch("/api/users/me", &json!({"name": text})).await.ok();
                assert_eq!(bob.get("/api/users/alice").await.ok()["name"], text, "pair {pair}");
            }
            _ => {
                let direct = server.user(&format!("d{pair}")).await;
                let channel = direct.direct(&bob).await;
                assert_eq!(bob.get(&ch(&channel)).await.ok()["type"], "messaging", "pair {pair}");
            }
        }
    }
}
