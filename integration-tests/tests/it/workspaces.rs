//! chatsdk.md §4.7, §5.2 and §6.2: workspaces, their members and channels.

use crate::prelude::*;

/// Fields of every workspace that a REST reply shows (§4.7, §2.7).
const FIELDS: &[&str] = &[
    "id",
    "name",
    "type",
    "memberCount",
    "channelCount",
    "role",
    "isDefault",
    "image",
    "config",
    "createdBy",
    "expiresAt",
    "createdAt",
    "member_count",
    "channel_count",
    "is_default",
    "image_url",
    "created_at",
    "expires_at",
    "created_by",
];

/// Path of a workspace.
pub fn ws(workspace: &str) -> String {
    format!("/api/workspaces/{workspace}")
}

/// Creates a workspace with these plain members and answers its id.
pub async fn workspace(owner: &User, name: &str, members: &[&User]) -> String {
    let made = owner.post("/api/workspaces", &json!({"name": name, "type": "team"})).await.created();
    let workspace = id(&made);
    if !members.is_empty() {
        let ids: Vec<&str> = members.iter().map(|user| user.id.as_str()).collect();
        let added = owner.post(&format!("{}/members", ws(&workspace)), &json!({"userIds": ids})).await.ok();
        assert_eq!(added["count"], members.len());
    }
    workspace
}

async fn channel_in(owner: &User, workspace: &str, kind: &str, members: &[&str]) -> Value {
    let body = json!({"type": kind, "name": kind, "workspaceId": workspace, "memberIds": members});
    owner.post("/api/channels", &body).await.created()
}

#[tokio::test]
async fn a_created_workspace_shows_everything_that_clients_read() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let listener = Realtime::follow(&server, &alice, &[]).await;
    let body = json!({
        "name": "Conference 2027", "type": "conference", "image": "https://example.com/w.png",
        "expiresAt": "2099-01-01T00:00:00Z", "config": {"theme": "dark"},
    });
    let made = alice.post("/api/workspaces", &body).await.created();
    has(&made, FIELDS);
    assert_eq!((&made["name"], &made["type"]), (&json!("Conference 2027"), &json!("conference")));
    assert_eq!((&made["memberCount"], &made["channelCount"]), (&json!(1), &json!(0)));
    assert_eq!((&made["role"], &made["isDefault"]), (&json!("owner"), &json!(true)));
    assert_eq!((&made["createdBy"], &made["config"]), (&json!("alice"), &json!({"theme": "dark"})));
    assert_eq!(made["expiresAt"], "2099-01-01T00:00:00.000Z");
    assert_eq!(uuid::Uuid::try_parse(&id(&made)).expect("workspace ids are UUIDs").get_version_num(), 7);
    let event = listener.event(&alice.stream(), "workspace.created").await;
    assert_eq!((&event["workspace"]["id"], &event["workspace"]["role"]), (&made["id"], &json!("owner")));

    assert_eq!(alice.get(&ws(&id(&made))).await.ok(), made);
    assert_eq!(alice.get("/api/workspaces").await.ok(), json!({"workspaces": [made]}));
    assert_eq!(bob.get("/api/workspaces").await.ok(), json!({"workspaces": []}));
    bob.get(&ws(&id(&made))).await.refused(404, "NOT_FOUND");
    let plain = alice.post("/api/workspaces", &json!({"name": "Second"})).await.created();
    assert_eq!((&plain["type"], &plain["isDefault"]), (&json!("team"), &json!(false)));
}

#[tokio::test]
async fn workspace_requests_with_wrong_fields_are_refused() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    workspace(&alice, "Taken", &[]).await;
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": " "}),
        json!({"name": "x".repeat(256)}),
        json!({"name": 7}),
        json!({"name": "x", "type": "club"}),
        json!({"name": "x", "image": "nowhere"}),
        json!({"name": "x", "config": []}),
        json!({"name": "x", "expiresAt": "tomorrow"}),
        json!({"name": "x", "expiresAt": "2001-01-01T00:00:00Z"}),
        json!({"name": "tAKEN "}),
    ] {
        alice.post("/api/workspaces", &body).await.refused(400, "VALIDATION_ERROR");
    }
    for path in [ws(NOBODY), ws("nonsense"), format!("{}/channels", ws(NOBODY))] {
        alice.get(&path).await.refused(404, "NOT_FOUND");
    }
    let repeated = alice.to_rest().with_header("idempotency-key", "w-1");
    let first = repeated.post("/api/workspaces", &json!({"name": "Once"})).await.created();
    assert_eq!(repeated.post("/api/workspaces", &json!({"name": "Once"})).await.ok()["id"], first["id"]);
}

#[tokio::test]
async fn a_workspace_is_changed_by_its_managers_and_all_members_hear_of_it() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let workspace = workspace(&alice, "Before", &[&bob]).await;
    let listener = Realtime::follow(&server, &bob, &[]).await;
    let change = json!({"name": "After", "type": "project", "image": "https://example.com/x.png"});
    bob.patch(&ws(&workspace), &change).await.refused(403, "FORBIDDEN");
    let changed = alice.patch(&ws(&workspace), &change).await.ok();
    assert_eq!((&changed["name"], &changed["type"]), (&json!("After"), &json!("project")));
    let event = listener.event(&bob.stream(), "workspace.updated").await;
    assert_eq!(
        (&event["workspace"]["id"], &event["workspace"]["name"]),
        (&json!(workspace), &json!("After"))
    );
    let cleared = alice.put(&ws(&workspace), &json!({"image": null, "imageUrl": null})).await.ok();
    assert_eq!((&cleared["image"], &cleared["name"]), (&Value::Null, &json!("After")));
    alice.patch(&ws(&workspace), &json!({"name": ""})).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_deleted_workspace_and_its_channels_are_gone() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let workspace = workspace(&alice, "Gone", &[&bob]).await;
    let group = id(&channel_in(&alice, &workspace, "group", &["bob"]).await);
    let listener = Realtime::follow(&server, &bob, &[&group]).await;
    bob.delete(&ws(&workspace)).await.refused(403, "FORBIDDEN");
    assert_eq!(alice.delete(&ws(&workspace)).await.ok()["success"], true);
    listener.event(&bob.stream(), "channel.deleted").await;
    let event = listener.event(&bob.stream(), "workspace.deleted").await;
    assert_eq!(event["workspaceId"], workspace);
    alice.get(&ws(&workspace)).await.refused(404, "NOT_FOUND");
    alice.get(&ch(&group)).await.refused(404, "NOT_FOUND");
    assert_eq!(bob.get("/api/channels").await.ok()["channels"], json!([]));
}

#[tokio::test]
async fn members_are_added_changed_and_removed_by_those_who_may() {
    let server = Harness::start().await;
    let [alice, bob, carol] = server.users(["alice", "bob", "carol"]).await;
    let workspace = workspace(&alice, "W", &[]).await;
    let members = format!("{}/members", ws(&workspace));
    let listener = Realtime::follow(&server, &bob, &[]).await;
    let added = alice.post(&members, &json!({"userIds": ["bob", "alice"], "role": "admin"})).await.ok();
    assert_eq!((&added["added"], &added["count"]), (&json!(["bob"]), &json!(1)));
    let event = listener.event(&bob.stream(), "workspace.member_joined").await;
    assert_eq!((&event["workspaceId"], &event["userId"]), (&json!(workspace), &json!("bob")));
    assert_eq!(bob.get(&ws(&workspace)).await.ok()["memberCount"], 2);

    alice.post(&members, &json!({"userIds": ["nobody"]})).await.refused(404, "NOT_FOUND");
    alice.post(&members, &json!({"userIds": []})).await.refused(400, "VALIDATION_ERROR");
    alice
        .post(&members, &json!({"userIds": ["carol"], "role": "king"}))
        .await
        .refused(400, "VALIDATION_ERROR");
    bob.post(&members, &json!({"userIds": ["carol"], "role": "owner"})).await.refused(403, "FORBIDDEN");
    bob.post(&members, &json!({"userIds": ["carol"]})).await.ok();
    carol.patch(&format!("{members}/carol"), &json!({"role": "admin"})).await.refused(403, "FORBIDDEN");
    carol.delete(&format!("{members}/bob")).await.refused(403, "FORBIDDEN");
    bob.patch(&format!("{members}/alice"), &json!({"role": "member"})).await.refused(403, "FORBIDDEN");
    alice
        .patch(&format!("{members}/alice"), &json!({"role": "member"}))
        .await
        .refused(400, "VALIDATION_ERROR");
    alice.delete(&format!("{members}/me")).await.refused(400, "VALIDATION_ERROR");
    let changed = alice.patch(&format!("{members}/carol"), &json!({"role": "owner"})).await.ok();
    assert_eq!(changed, json!({"success": true, "role": "owner"}));
    let listed = alice.get(&members).await.ok();
    assert_eq!(texts(&listed["members"], "userId"), ["alice", "carol", "bob"]);
    assert_eq!(alice.delete(&format!("{members}/me")).await.ok()["success"], true);
    alice.get(&ws(&workspace)).await.refused(404, "NOT_FOUND");
    assert_eq!(texts(&carol.get(&members).await.ok()["members"], "userId"), ["carol", "bob"]);
}

#[tokio::test]
async fn channels_of_a_workspace_are_for_its_members() {
    let server = Harness::start().await;
    let [alice, bob, eve] = server.users(["alice", "bob", "eve"]).await;
    let workspace = workspace(&alice, "W", &[&bob]).await;
    let listener = Realtime::follow(&server, &bob, &[]).await;
    let spy = Realtime::follow(&server, &eve, &[]).await;
    let body = |members: &[&str]| json!({"type": "group", "workspaceId": workspace, "memberIds": members});
    eve.post("/api/channels", &body(&[])).await.refused(404, "NOT_FOUND");
    alice.post("/api/channels", &body(&["eve"])).await.refused(403, "FORBIDDEN");
    let unknown = json!({"type": "group", "workspaceId": NOBODY});
    alice.post("/api/channels", &unknown).await.refused(404, "NOT_FOUND");
    let group = channel_in(&alice, &workspace, "group", &["bob"]).await;
    assert_eq!((&group["workspaceId"], &group["workspace_id"]), (&json!(workspace), &json!(workspace)));
    let open = id(&channel_in(&alice, &workspace, "public", &[]).await);
    let is_open = |event: &Value| event["channel"]["id"] == open;
    listener.event_where(&bob.stream(), "channel.created", is_open).await;

    let listed = bob.get(&format!("/api/channels?workspaceId={workspace}")).await.ok();
    assert_eq!(texts(&listed["channels"], "id"), [open.clone(), id(&group)]);
    assert_eq!(bob.get(&format!("{}/channels", ws(&workspace))).await.ok(), listed);
    assert_eq!(listed["channels"][0]["role"], Value::Null, "discoverable, not joined");
    eve.get(&format!("/api/channels?workspaceId={workspace}")).await.refused(403, "FORBIDDEN");
    eve.get(&format!("{}/channels", ws(&workspace))).await.refused(403, "FORBIDDEN");
    assert_eq!(eve.get("/api/channels").await.ok()["channels"], json!([]));
    assert_eq!(bob.get(&ws(&workspace)).await.ok()["channelCount"], 2);
    eve.get(&ch(&open)).await.refused(403, "FORBIDDEN");
    eve.send_body(&open, &json!({"text": "hi"})).await.refused(403, "FORBIDDEN");
    let reply = spy.subscribe(&eve.chat(&open)).await;
    assert_eq!(reply.error.expect("not for strangers").code, 103);
    bob.send(&open, "the first send joins").await;
    assert_eq!(bob.get(&ch(&open)).await.ok()["role"], "member");
    let hers = eve.channel("public", "hers", &[]).await;
    spy.event_where(&eve.stream(), "channel.created", |event| event["channel"]["id"] == hers).await;
    assert_eq!(
        spy.state().events(&eve.stream(), "channel.created").len(),
        1,
        "of the other she heard nothing"
    );
}

#[tokio::test]
async fn who_is_removed_from_a_workspace_loses_its_channels_at_once() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let workspace = workspace(&alice, "W", &[&bob]).await;
    let group = id(&channel_in(&alice, &workspace, "group", &["bob"]).await);
    let open = id(&channel_in(&alice, &workspace, "public", &[]).await);
    let listener = Realtime::follow(&server, &bob, &[&group, &open]).await;
    bob.send(&group, "still here").await;
    assert_eq!(bob.get(&format!("{}/messages", ch(&open))).await.ok()["messages"], json!([]));
    alice.delete(&format!("{}/members/bob", ws(&workspace))).await.ok();
    for channel in [&group, &open] {
        let chat = bob.chat(channel);
        listener
            .wait_until("the subscription ends", |state| {
                (!state.unsubscribes(&chat).is_empty()).then_some(())
            })
            .await;
        bob.send_body(channel, &json!({"text": "gone"})).await.refused(403, "FORBIDDEN");
        bob.get(&format!("{}/messages", ch(channel))).await.refused(403, "FORBIDDEN");
    }
    assert_eq!(bob.get("/api/channels").await.ok()["channels"], json!([]));
}

#[tokio::test]
async fn deleting_a_user_ends_his_part_in_workspaces() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let workspace = workspace(&alice, "W", &[&bob]).await;
    server.server_key().delete("/api/users/alice").await.ok();
    let left = bob.get(&ws(&workspace)).await.ok();
    assert_eq!((&left["memberCount"], &left["role"]), (&json!(1), &json!("owner")));
    assert_eq!(left["createdBy"], "deleted-user");
}
