//! chatsdk.md §4.4 and §2.3: sending, editing, deleting.

use crate::prelude::*;

/// Fields of every message that a REST reply shows (§2.3, §2.7).
pub const FIELDS: &[&str] = &[
    "id",
    "channelId",
    "userId",
    "text",
    "seq",
    "user",
    "reactions",
    "mentions",
    "attachments",
    "createdAt",
    "updatedAt",
    "linkPreviews",
    "pinned",
    "type",
    "deleted",
    "deletedAt",
    "editedAt",
    "status",
    "clientMsgId",
    "parentId",
    "replyToId",
    "reactionCount",
    "replyCount",
    "threadCount",
    "pollId",
    "poll",
    "cid",
    "channel_id",
    "user_id",
    "created_at",
    "updated_at",
    "deleted_at",
    "edited_at",
    "parent_id",
    "reply_to_id",
    "reply_count",
    "reaction_count",
    "poll_id",
    "client_msg_id",
];

#[tokio::test]
async fn a_sent_message_shows_everything_that_clients_read() {
    let server = Harness::start().await;
    let alice = server
        .user_with(json!({"userId": "alice", "name": "Alice", "image": "https://example.com/a.png"}))
        .await;
    let group = alice.group("g", &[]).await;
    let message = alice.send(&group, "Hello").await;
    has(&message, FIELDS);
    assert_eq!((&message["channelId"], &message["cid"]), (&json!(group), &json!(group)));
    assert_eq!(
        (&message["userId"], &message["text"], &message["seq"]),
        (&json!("alice"), &json!("Hello"), &json!(1))
    );
    assert_eq!((&message["type"], &message["status"]), (&json!("regular"), &json!("sent")));
    assert_eq!((&message["deleted"], &message["pinned"]), (&json!(false), &json!(false)));
    for empty in ["reactions", "mentions", "attachments", "linkPreviews"] {
        assert_eq!(message[empty], json!([]), "{empty}");
    }
    for absent in ["deletedAt", "editedAt", "clientMsgId", "parentId", "replyToId", "pollId", "poll"] {
        assert_eq!(message[absent], Value::Null, "{absent}");
    }
    for zero in ["reactionCount", "replyCount"] {
        assert_eq!(message[zero], 0, "{zero}");
    }
    assert_eq!(message["createdAt"], message["updatedAt"]);
    let author = &message["user"];
    assert_eq!((&author["id"], &author["name"]), (&json!("alice"), &json!("Alice")));
    has(author, &["image", "createdAt", "updatedAt", "lastActiveAt", "custom"]);
    uuid::Uuid::try_parse(&id(&message)).expect("message ids are UUIDs");

    let listed = &alice.messages(&group, "").await["messages"][0];
    assert_eq!(listed, &message);
}

#[tokio::test]
async fn seqs_count_without_holes_and_times_rise() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let sends = (0..100).map(|number| {
        let (user, group) = (if number % 2 == 0 { &alice } else { &bob }, &group);
        async move { user.send(group, &number.to_string()).await }
    });
    futures_util::future::join_all(sends).await;
    let page = alice.messages(&group, "?limit=200").await;
    let seqs: Vec<u64> = page["messages"].as_array().unwrap().iter().map(seq).collect();
    assert_eq!(seqs, (1..=100).collect::<Vec<u64>>());
    assert_eq!((&page["maxSeq"], &page["hasMore"]), (&json!(100), &json!(false)));
    let times = texts(&page["messages"], "createdAt");
    assert!(times.is_sorted());
}

#[tokio::test]
async fn attachments_are_echoed_with_what_clients_require() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let body = json!({"text": "look", "attachments": [
        {"type": "image", "url": "https://example.com/a/photo.jpg", "name": "Photo", "size": 12, "mimeType": "image/jpeg",
         "width": 4, "height": 3, "title": "T", "blurhash": "LKO2", "thumbnailUrl": "https://example.com/t.jpg"},
        {"type": "voicenote", "url": "https://example.com/a/voice.ogg", "duration": 1.5, "waveform": [0.1, 0.9]},
    ]});
    let message = alice.send_body(&group, &body).await.created();
    let [photo, voice] = [&message["attachments"][0], &message["attachments"][1]];
    for (field, value) in body["attachments"][0].as_object().unwrap() {
        assert_eq!(&photo[field], value, "{field}");
    }
    assert_eq!((&voice["name"], &voice["size"]), (&json!("voice.ogg"), &json!(0)));
    assert!(voice["mimeType"].is_string());
    assert_eq!((&voice["duration"], &voice["waveform"]), (&json!(1.5), &json!([0.1, 0.9])));

    let only = json!({"attachments": [{"type": "file", "url": "https://example.com/f.bin"}]});
    alice.send_body(&group, &only).await.created();
    let only = json!({"text": "", "attachments": [{"type": "giphy", "url": "https://example.com/"}]});
    assert_eq!(alice.send_body(&group, &only).await.created()["attachments"][0]["name"], "file");
}

#[tokio::test]
async fn messages_with_wrong_fields_are_refused() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let attachment = json!({"type": "file", "url": "https://example.com/f"});
    let eleven: Vec<Value> = std::iter::repeat_n(attachment, 11).collect();
    for body in [
        json!({}),
        json!({"text": ""}),
        json!({"text": null}),
        json!({"text": "x".repeat(10_001)}),
        json!({"text": 7}),
        json!({"text": "x", "attachments": eleven}),
        json!({"text": "x", "attachments": [{"type": "file"}]}),
        json!({"text": "x", "attachments": [{"type": "file", "url": "javascript:alert(1)"}]}),
        json!({"text": "x", "attachments": [{"type": "file", "url": "/relative"}]}),
        json!({"text": "x", "attachments": [{"type": "spell", "url": "https://example.com/f"}]}),
        json!({"text": "x", "attachments": [{"type": "file", "url": format!("https://example.com/{}", "x".repeat(2048))}]}),
        json!({"text": "x", "attachments": "none"}),
        json!({"text": "x", "clientMsgId": "x".repeat(256)}),
        json!({"text": "x", "mentionedUserIds": "alice"}),
    ] {
        alice.send_body(&group, &body).await.refused(400, "VALIDATION_ERROR");
    }
    assert_eq!(alice.messages(&group, "").await["messages"], json!([]));
    // Characters count, not bytes.
    alice.send(&group, &"é".repeat(10_000)).await;
    alice.send(&group, &"👨‍👩‍👧".repeat(2_000)).await;
}

#[tokio::test]
async fn text_comes_back_as_it_was_sent() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let odd = [
        "  spaces  ",
        "line\nbreak\ttab",
        "<b>&amp;</b>",
        "مرحبا \u{202e}x",
        "\u{1F468}\u{200D}\u{1F469}",
        "\"\\/",
        "'; DROP TABLE",
    ];
    for text in odd {
        assert_eq!(alice.send(&group, text).await["text"], text);
    }
    assert_eq!(alice.texts(&group).await, odd);
}

#[tokio::test]
async fn the_author_edits_and_nobody_else() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let message = bob.send(&group, "before").await;
    let path = msg(&group, &id(&message));
    let edited = bob.patch(&path, &json!({"text": "after"})).await.ok();
    has(&edited, FIELDS);
    assert_eq!(
        (&edited["text"], &edited["seq"], &edited["id"]),
        (&json!("after"), &message["seq"], &message["id"])
    );
    assert!(edited["editedAt"].is_string());
    assert!(edited["updatedAt"].as_str() >= message["updatedAt"].as_str());
    assert_eq!(edited["createdAt"], message["createdAt"]);
    alice.patch(&path, &json!({"text": "mine"})).await.refused(403, "FORBIDDEN");
    for wrong in [json!({}), json!({"text": ""}), json!({"text": "x".repeat(10_001)}), json!({"text": 1})] {
        bob.patch(&path, &wrong).await.refused(400, "VALIDATION_ERROR");
    }
    bob.patch(&msg(&group, NOBODY), &json!({"text": "x"})).await.refused(404, "NOT_FOUND");
    assert_eq!(alice.texts(&group).await, ["after"]);
}

#[tokio::test]
async fn a_deleted_message_leaves_a_tombstone_that_only_sync_shows() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[&bob]).await;
    let body =
        json!({"text": "secret @bob", "attachments": [{"type": "file", "url": "https://example.com/f"}]});
    let message = alice.send_body(&group, &body).await.created();
    alice.send(&group, "stays").await;
    let path = msg(&group, &id(&message));
    bob.post(&format!("{path}/reactions"), &json!({"emoji": "👍"})).await.ok();
    bob.delete(&path).await.refused(403, "FORBIDDEN");
    assert_eq!(alice.delete(&path).await.ok(), json!({"success": true}));
    assert_eq!(alice.delete(&path).await.ok(), json!({"success": true}), "repeating succeeds");
    assert_eq!(bob.texts(&group).await, ["stays"]);
    for query in ["?include_deleted=true", "?since_seq=0&include_deleted=true"] {
        let page = bob.messages(&group, query).await;
        let tombstone = find(&page["messages"], "id", &id(&message));
        assert_eq!((&tombstone["type"], &tombstone["deleted"]), (&json!("deleted"), &json!(true)));
        assert_eq!((&tombstone["text"], &tombstone["seq"]), (&Value::Null, &message["seq"]));
        assert_eq!(tombstone["userId"], "alice");
        assert!(tombstone["deletedAt"].is_string());
        for empty in ["attachments", "reactions", "mentions", "linkPreviews"] {
            assert_eq!(tombstone[empty], json!([]), "{empty}");
        }
    }
    alice.patch(&path, &json!({"text": "x"})).await.refused(404, "NOT_FOUND");
    assert_eq!(bob.get(&path).await.ok()["deleted"], true);
    alice.delete(&msg(&group, NOBODY)).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn since_seq_always_shows_tombstones() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    alice.send(&group, "1").await;
    let second = alice.send(&group, "2").await;
    alice.delete(&msg(&group, &id(&second))).await.ok();
    let page = alice.messages(&group, "?since_seq=1").await;
    assert_eq!(each(&page["messages"], "deleted"), [json!(true)]);
    assert_eq!((&page["maxSeq"], &page["hasMore"]), (&json!(2), &json!(false)));
}

#[tokio::test]
async fn after_the_window_even_the_author_cannot_delete() {
    let options = Options::new().with("dialects.chatsdk.delete_window_s", 1);
    let server = Harness::start_with(options).await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    let path = msg(&group, &id(&alice.send(&group, "1").await));
    // The window is the server's to measure: a fresh message goes, an old one stays.
    let fresh = msg(&group, &id(&alice.send(&group, "2").await));
    alice.delete(&fresh).await.ok();
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    alice.delete(&path).await.refused(403, "FORBIDDEN");
    alice.delete(&fresh).await.ok();
}

#[tokio::test]
async fn single_messages_are_read_with_and_without_their_channel() {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let group = alice.group("g", &[&bob]).await;
    let other = alice.group("h", &[&bob]).await;
    let message = alice.send(&group, "hello").await;
    for path in [msg(&group, &id(&message)), format!("/api/messages/{}", id(&message))] {
        let shown = bob.get(&path).await.ok();
        has(&shown, FIELDS);
        assert_eq!(shown["text"], "hello");
        let refused = carol.get(&path).await;
        assert!(refused.status == 403 || refused.status == 404, "{}", refused.text);
    }
    bob.get(&msg(&other, &id(&message))).await.refused(404, "NOT_FOUND");
    bob.get(&format!("/api/messages/{NOBODY}")).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_quoted_message_must_be_of_the_channel() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let [group, other] = [alice.group("g", &[]).await, alice.group("h", &[]).await];
    let here = id(&alice.send(&group, "here").await);
    let there = id(&alice.send(&other, "there").await);
    let quoting = alice.send_body(&group, &json!({"text": "x", "replyToId": here})).await.created();
    assert_eq!((&quoting["replyToId"], &quoting["parentId"]), (&json!(here), &Value::Null));
    for wrong in [there.as_str(), NOBODY, "x"] {
        alice.send_body(&group, &json!({"text": "x", "replyToId": wrong})).await.refused(404, "NOT_FOUND");
        alice.send_body(&group, &json!({"text": "x", "parentId": wrong})).await.refused(404, "NOT_FOUND");
    }
    assert_eq!(alice.texts(&group).await.len(), 2);
}
