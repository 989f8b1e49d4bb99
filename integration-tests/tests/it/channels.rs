//! chatsdk.md §4.2 and §2.2: channels.

use crate::prelude::*;

/// Fields of every channel that a REST reply shows (§2.2, §2.7).
const FIELDS: &[&str] = &[
    "id",
    "cid",
    "name",
    "image",
    "type",
    "memberCount",
    "unreadCount",
    "lastMessage",
    "createdAt",
    "description",
    "messageCount",
    "lastMessageAt",
    "createdBy",
    "updatedAt",
    "workspaceId",
    "config",
    "role",
    "muted",
    "starred",
    "lastReadSeq",
    "unread_count",
    "member_count",
    "message_count",
    "last_message_at",
    "last_message",
    "created_at",
    "updated_at",
    "created_by",
    "workspace_id",
    "image_url",
    "last_read_seq",
];

#[tokio::test]
async fn a_created_channel_shows_everything_that_clients_read() {
    let server = Harness::start().await;
    let [alice, _bob, _carol] = server.users(["alice", "bob", "carol"]).await;
    let body = json!({
        "name": "Project Alpha", "type": "group", "description": "All about it",
        "image": "https://example.com/c.png", "memberIds": ["bob", "carol", "bob", "alice"],
    });
    let channel = alice.post("/api/channels", &body).await.created();
    has(&channel, FIELDS);
    assert_eq!(channel["cid"], "group:project-alpha");
    assert_eq!(channel["name"], "Project Alpha");
    assert_eq!(channel["type"], "group");
    assert_eq!(channel["description"], "All about it");
    assert_eq!(channel["image"], "https://example.com/c.png");
    assert_eq!((&channel["memberCount"], &channel["unreadCount"]), (&json!(3), &json!(0)));
    assert_eq!(channel["lastMessage"], Value::Null);
    assert_eq!((&channel["createdBy"], &channel["role"]), (&json!("alice"), &json!("owner")));
    assert_eq!((&channel["muted"], &channel["starred"]), (&json!(false), &json!(false)));
    for switch in ["typingEvents", "readEvents", "reactions", "replies", "private"] {
        assert!(channel["config"][switch].is_boolean(), "{switch}");
    }
    let id = id(&channel);
    let uuid = uuid::Uuid::try_parse(&id).expect("channel ids are UUIDs");
    assert_eq!(uuid.get_version_num(), 7);

    let detail = alice.get(&ch(&id)).await.ok();
    let members = &detail["members"];
    assert_eq!(texts(members, "userId").len(), 3);
    let owner = find(members, "userId", "alice");
    has(&owner, &["id", "name", "image", "userId", "role", "joinedAt", "user"]);
    assert_eq!(owner["role"], "owner");
    assert_eq!(find(members, "userId", "bob")["role"], "member");
}

#[tokio::test]
async fn every_type_can_be_created_and_an_unknown_one_cannot() {
    let server = Harness::start().await;
    let [alice, _bob] = server.users(["alice", "bob"]).await;
    for kind in ["group", "team", "livestream", "public", "private"] {
        let channel = alice.post("/api/channels", &json!({"type": kind, "name": kind})).await.created();
        assert_eq!(channel["type"], kind);
        assert_eq!(channel["cid"], format!("{kind}:{kind}"));
    }
    let direct = alice.post("/api/channels", &json!({"memberIds": ["bob"]})).await.created();
    assert_eq!(direct["type"], "messaging");
    assert_eq!(direct["cid"], format!("messaging:{}", id(&direct)));
    alice.post("/api/channels", &json!({"type": "nonsense"})).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn readable_channel_keys_are_unique() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let mut cids = Vec::new();
    for _ in 0..3 {
        let body = json!({"type": "group", "name": "Same Name"});
        let channel = alice.post("/api/channels", &body).await.created();
        cids.push(channel["cid"].as_str().unwrap().to_owned());
    }
    assert_eq!(cids[0], "group:same-name");
    cids.sort();
    cids.dedup();
    assert_eq!(cids.len(), 3, "{cids:?}");
}

#[tokio::test]
async fn channel_requests_with_wrong_fields_are_refused() {
    let server = Harness::start().await;
    let [alice, _bob, _carol] = server.users(["alice", "bob", "carol"]).await;
    let too_many: Vec<String> = (0..101).map(|number| format!("u{number}")).collect();
    for body in [
        json!({"type": "group", "name": ""}),
        json!({"type": "group", "name": "x".repeat(256)}),
        json!({"type": "group", "description": "x".repeat(1001)}),
        json!({"type": "group", "image": "nowhere"}),
        json!({"type": "group", "memberIds": "bob"}),
        json!({"type": "group", "memberIds": [7]}),
        json!({"type": "group", "memberIds": too_many}),
        json!({"type": "messaging"}),
        json!({"type": "messaging", "memberIds": []}),
        json!({"type": "messaging", "memberIds": ["alice"]}),
        json!({"type": "messaging", "memberIds": ["bob", "alice", "carol"]}),
    ] {
        alice.post("/api/channels", &body).await.refused(400, "VALIDATION_ERROR");
    }
    let unknown = json!({"type": "group", "memberIds": ["bob", "nobody"]});
    alice.post("/api/channels", &unknown).await.refused(404, "NOT_FOUND");
    let unknown = json!({"type": "messaging", "memberIds": ["nobody"]});
    alice.post("/api/channels", &unknown).await.refused(404, "NOT_FOUND");
    assert_eq!(alice.get("/api/channels").await.ok()["channels"], json!([]));
    let longest = json!({"type": "group", "name": "x".repeat(255), "description": "x".repeat(1000)});
    alice.post("/api/channels", &longest).await.created();
}

#[tokio::test]
async fn a_direct_channel_exists_once_per_pair() {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let first = alice.post("/api/channels", &json!({"memberIds": ["bob"]})).await.created();
    let again = alice.post("/api/channels", &json!({"memberIds": ["bob", "bob"]})).await.ok();
    let other_side = bob.post("/api/channels", &json!({"memberIds": ["alice"]})).await.ok();
    assert_eq!((id(&again), id(&other_side)), (id(&first), id(&first)));
    assert_ne!(carol.direct(&alice).await, id(&first));
    // Without a name of its own it carries the other's.
    assert_eq!((&first["name"], &other_side["name"]), (&json!("bob"), &json!("alice")));
}

#[tokio::test]
async fn a_direct_channel_may_carry_a_name() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let body = json!({"memberIds": ["bob"], "name": "Us two"});
    let channel = alice.post("/api/channels", &body).await.created();
    assert_eq!(channel["name"], "Us two");
    assert_eq!(bob.get(&ch(&id(&channel))).await.ok()["name"], "Us two");
}

#[tokio::test]
async fn a_hundred_concurrent_creations_of_one_direct_channel_make_one() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let creations = (0..100).map(|number| {
        let (creator, other) = if number % 2 == 0 { (&alice, "bob") } else { (&bob, "alice") };
        async move { creator.post("/api/channels", &json!({"memberIds": [other]})).await }
    });
    let answers = futures_util::future::join_all(creations).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    assert!(answers.iter().all(Answer::is_success));
    let mut ids: Vec<String> = answers.iter().map(|answer| id(&answer.body)).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), created), (1, 1));
    assert_eq!(alice.get("/api/channels").await.ok()["channels"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_list_shows_own_channels_by_activity_and_what_may_be_discovered() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let silent_old = alice.group("silent old", &[]).await;
    let silent_new = alice.group("silent new", &[]).await;
    let first = alice.group("first", &[]).await;
    let second = alice.group("second", &[&bob]).await;
    let open = bob.channel("public", "open", &[]).await;
    let team = bob.channel("team", "team", &[]).await;
    for kind in ["private", "livestream", "group"] {
        bob.channel(kind, "hidden", &[]).await;
    }
    alice.send(&second, "1").await;
    alice.send(&first, "2").await;
    bob.send(&second, "3").await;

    let list = alice.get("/api/channels").await.ok();
    let ids = texts(&list["channels"], "id");
    assert_eq!(ids, [second.clone(), first, team.clone(), open.clone(), silent_new, silent_old]);
    let shown = find(&list["channels"], "id", &second);
    has(&shown, FIELDS);
    assert_eq!(shown["lastMessage"]["text"], "3");
    assert_eq!((&shown["unreadCount"], &shown["messageCount"]), (&json!(1), &json!(2)));
    let members = &shown["members"];
    assert_eq!(texts(members, "userId").len(), 2, "group members are listed");
    for discoverable in [open, team] {
        let shown = find(&list["channels"], "id", &discoverable);
        assert_eq!((&shown["role"], &shown["unreadCount"]), (&Value::Null, &json!(0)));
    }
}

#[tokio::test]
async fn the_list_pages_filters_and_clamps() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let mut all = Vec::new();
    for number in 0..5 {
        all.insert(0, alice.group(&format!("g{number}"), &[]).await);
    }
    alice.direct(&bob).await;
    let ids = async |query: &str| {
        let list = alice.get(&format!("/api/channels?{query}")).await.ok();
        texts(&list["channels"], "id")
    };
    assert_eq!(ids("type=group").await, all);
    assert_eq!(ids("type=group&limit=2").await, all[..2]);
    assert_eq!(ids("type=group&limit=2&offset=2").await, all[2..4]);
    assert_eq!(ids("type=group&limit=2&offset=4").await, all[4..]);
    assert_eq!(ids("type=messaging").await.len(), 1);
    assert_eq!(ids("limit=1000").await.len(), 6);
    assert_eq!(ids("limit=0").await.len(), 1);
    assert_eq!(ids("offset=100").await.len(), 0);
}

#[tokio::test]
async fn details_are_for_readers() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = alice.group("g", &[]).await;
    let open = alice.channel("public", "open", &[]).await;
    bob.get(&ch(&group)).await.refused(403, "FORBIDDEN");
    bob.get(&ch(NOBODY)).await.refused(404, "NOT_FOUND");
    assert_eq!(bob.get(&ch(&open)).await.ok()["role"], Value::Null);
}

#[tokio::test]
async fn only_the_owner_deletes_a_channel() {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let group = alice.group("g", &[&bob]).await;
    alice.patch(&format!("{}/members/bob", ch(&group)), &json!({"role": "admin"})).await.ok();
    bob.delete(&ch(&group)).await.refused(403, "FORBIDDEN");
    carol.delete(&ch(&group)).await.refused(404, "NOT_FOUND");
    assert_eq!(alice.delete(&ch(&group)).await.ok(), json!({"success": true}));
    for user in [&alice, &bob] {
        user.get(&ch(&group)).await.refused(404, "NOT_FOUND");
        user.get(&format!("{}/messages", ch(&group))).await.refused(404, "NOT_FOUND");
        user.send_body(&group, &json!({"text": "x"})).await.refused(404, "NOT_FOUND");
        assert_eq!(user.get("/api/channels").await.ok()["channels"], json!([]));
    }
}

#[tokio::test]
async fn owners_and_admins_update_a_channel() {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let group = alice.group("before", &[&bob, &carol]).await;
    alice.patch(&format!("{}/members/bob", ch(&group)), &json!({"role": "admin"})).await.ok();
    let body = json!({"name": "after", "description": "new", "image": "https://example.com/n.png"});
    let updated = bob.patch(&ch(&group), &body).await.ok();
    has(&updated, FIELDS);
    assert_eq!((&updated["name"], &updated["description"]), (&json!("after"), &json!("new")));
    assert_eq!(updated["image"], "https://example.com/n.png");
    carol.patch(&ch(&group), &body).await.refused(403, "FORBIDDEN");
    alice.patch(&ch(&group), &json!({"name": "x".repeat(256)})).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(carol.get(&ch(&group)).await.ok()["name"], "after");
}

#[tokio::test]
async fn settings_answer_both_values_and_are_personal() {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let group = alice.group("g", &[&bob]).await;
    let path = format!("{}/settings", ch(&group));
    let set = async |body: Value| alice.patch(&path, &body).await.ok();
    assert_eq!(
        set(json!({"starred": true})).await,
        json!({"success": true, "starred": true, "muted": false})
    );
    assert_eq!(set(json!({"muted": true})).await, json!({"success": true, "starred": true, "muted": true}));
    assert_eq!(set(json!({})).await, json!({"success": true, "starred": true, "muted": true}));
    let star = alice.patch(&format!("{}/star", ch(&group)), &json!({"starred": false})).await.ok();
    assert_eq!(star, json!({"success": true, "starred": false, "muted": true}));
    let mute = alice.patch(&format!("{}/mute", ch(&group)), &json!({"muted": false})).await.ok();
    assert_eq!(mute, json!({"success": true, "starred": false, "muted": false}));
    set(json!({"starred": true})).await;
    assert_eq!(alice.get(&ch(&group)).await.ok()["starred"], true);
    assert_eq!(bob.get(&ch(&group)).await.ok()["starred"], false);
    carol.patch(&path, &json!({"starred": true})).await.refused(403, "FORBIDDEN");
    alice.patch(&path, &json!({"starred": "yes"})).await.refused(400, "VALIDATION_ERROR");
}
