//! chatsdk.md §4.5 and §5.2: users.

use crate::prelude::*;

#[tokio::test]
async fn users_are_listed_by_name_and_found_by_part_of_it() {
    let server = Harness::start().await;
    for (id, name) in [("u1", "Carol"), ("u2", "alice"), ("u3", "Bob Alison")] {
        server.user_with(json!({"userId": id, "name": name})).await;
    }
    let me = server.user_with(json!({"userId": "me-myself", "name": "Zoe"})).await;
    let list = me.get("/api/users").await.ok();
    assert_eq!(list["users"].as_array().unwrap().len(), 4);
    has(&list["users"][0], &["id", "name", "image", "lastActiveAt", "online", "createdAt", "updatedAt"]);
    let names =
        async |query: &str| texts(&me.get(&format!("/api/users?{query}")).await.ok()["users"], "name");
    let mut found = names("q=ALI").await;
    found.sort();
    assert_eq!(found, ["Bob Alison", "alice"]);
    assert_eq!(names("q=%25").await, Vec::<String>::new(), "no wildcard");
    assert_eq!(names("q=_").await, Vec::<String>::new(), "no wildcard");
    let all = names("").await;
    assert_eq!(names("limit=2").await, all[..2]);
    assert_eq!(names("limit=2&offset=2").await, all[2..]);
    assert_eq!(names("limit=0").await.len(), 1);
    assert_eq!(names("limit=1000").await.len(), 4);
}

#[tokio::test]
async fn a_user_is_shown_and_the_private_part_only_to_himself_and_servers() {
    let server = Harness::start().await;
    let body = json!({"userId": "alice", "name": "Alice", "email": "a@example.com", "custom": {"secret": 1}});
    let alice = server.user_with(body).await;
    let bob = server.user("bob").await;
    let seen = bob.get("/api/users/alice").await.ok();
    has(&seen, &["id", "name", "image", "lastActiveAt", "online", "createdAt", "updatedAt"]);
    assert!(!seen.to_string().contains("a@example.com") && !seen.to_string().contains("secret"), "{seen}");
    let own = alice.get("/api/users/alice").await.ok();
    assert_eq!((&own["email"], &own["custom"]["secret"]), (&json!("a@example.com"), &json!(1)));
    assert_eq!(own["custom"]["email"], "a@example.com");
    assert_eq!(alice.get("/api/users/me").await.ok()["id"], "alice");
    bob.get("/api/users/nobody").await.refused(404, "NOT_FOUND");

    // Nor anywhere else where a user is shown.
    let group = alice.group("g", &[&bob]).await;
    alice.send(&group, "hello").await;
    for path in
        ["/api/users", &ch(&group), &format!("{}/messages", ch(&group)), &format!("{}/members", ch(&group))]
    {
        let text = bob.get(path).await.text;
        assert!(!text.contains("a@example.com") && !text.contains("secret"), "{path}: {text}");
    }
}

#[tokio::test]
async fn details_of_others_are_shown_if_the_operator_wants_it() {
    let options = Options::new().with("dialects.chatsdk.expose_user_details", true);
    let server = Harness::start_with(options).await;
    server.user_with(json!({"userId": "alice", "email": "a@example.com", "custom": {"team": "red"}})).await;
    let bob = server.user("bob").await;
    let seen = bob.get("/api/users/alice").await.ok();
    assert_eq!((&seen["email"], &seen["custom"]["team"]), (&json!("a@example.com"), &json!("red")));
}

#[tokio::test]
async fn people_change_their_own_profile() {
    let server = Harness::start().await;
    let alice = server.user_with(json!({"userId": "alice", "name": "A", "custom": {"a": 1}})).await;
    let body = json!({"name": "Alice", "image": "https://example.com/a.png", "custom": {"b": 2}});
    alice.patch("/api/users/me", &body).await.ok();
    let me = alice.get("/api/users/me").await.ok();
    assert_eq!((&me["name"], &me["image"]), (&json!("Alice"), &json!("https://example.com/a.png")));
    assert_eq!((&me["custom"]["a"], &me["custom"]["b"]), (&json!(1), &json!(2)));
    alice.patch("/api/users/me", &json!({"name": 7})).await.refused(400, "VALIDATION_ERROR");
    let error = alice.patch("/api/users/me", &json!({"image": "nowhere"})).await;
    assert_eq!(error.refused(400, "VALIDATION_ERROR")["details"][0]["path"], "image");
}

#[tokio::test]
async fn a_new_name_shows_on_old_messages() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    let group = alice.group("g", &[]).await;
    alice.send(&group, "hello").await;
    server.server_key().put("/api/users/alice", &json!({"name": "Alice II"})).await.ok();
    let page = alice.messages(&group, "").await;
    assert_eq!(page["messages"][0]["user"]["name"], "Alice II");
}

#[tokio::test]
async fn sync_reports_each_user_for_itself() {
    let server = Harness::start().await;
    server.user("old").await;
    let body = json!({"users": [
        {"id": "old", "name": "Old", "custom": {"a": 1}},
        {"id": "new", "name": "New", "email": "new@example.com"},
        {"id": "", "name": "nameless"},
        {"id": "bad", "email": "nowhere"},
    ]});
    let answer = server.server_key().post("/api/users/sync", &body).await.ok();
    assert_eq!(
        (&answer["synced"], &answer["created"], &answer["updated"]),
        (&json!(2), &json!(1), &json!(1))
    );
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{answer}");
    assert!(find(&answer["errors"], "id", "bad")["error"].is_string());
    let many: Vec<Value> = (0..101).map(|number| json!({"id": format!("u{number}")})).collect();
    for wrong in [json!({}), json!({"users": []}), json!({"users": many}), json!({"users": "x"})] {
        server.server_key().post("/api/users/sync", &wrong).await.refused(400, "VALIDATION_ERROR");
    }
    let hundred: Vec<Value> = (0..100).map(|number| json!({"id": format!("u{number}")})).collect();
    let answer = server.server_key().post("/api/users/sync", &json!({"users": hundred})).await.ok();
    assert_eq!(answer["synced"], 100);
}

#[tokio::test]
async fn put_creates_and_merges_a_user() {
    let server = Harness::start().await;
    let put = async |body: Value| server.server_key().put("/api/users/alice", &body).await.ok();
    let body = json!({"name": "Alice", "email": "a@example.com", "custom": {"role": "admin"}});
    assert_eq!(
        put(body).await,
        json!({"id": "alice", "name": "Alice", "image": null, "email": "a@example.com",
               "custom": {"role": "admin", "email": "a@example.com"}})
    );
    let merged = put(json!({"custom": {"team": "red"}})).await;
    assert_eq!(merged["custom"], json!({"role": "admin", "team": "red", "email": "a@example.com"}));
    assert_eq!(merged["name"], "Alice");
    for wrong in [json!({"name": 1}), json!({"email": "x"}), json!({"custom": 1}), json!({"image": "x"})] {
        server.server_key().put("/api/users/alice", &wrong).await.refused(400, "VALIDATION_ERROR");
    }
    let huge = json!({"custom": {"blob": "x".repeat(6000)}});
    server.server_key().put("/api/users/alice", &huge).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_deleted_user_is_gone_but_the_messages_stay() {
    let server = Harness::start().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let group = bob.group("g", &[&alice]).await;
    let direct = alice.direct(&bob).await;
    let message = alice.send(&group, "still here").await;
    alice.post(&format!("{}/reactions", msg(&group, &id(&message))), &json!({"emoji": "x"})).await.ok();
    alice.send(&direct, "between us").await;
    let answer = server.server_key().delete("/api/users/alice").await.ok();
    assert_eq!(answer, json!({"success": true, "deletedUserId": "alice"}));
    server.server_key().delete("/api/users/alice").await.refused(404, "NOT_FOUND");
    for gateway in server.gateways() {
        let there = alice.to_rest().only_on(&format!("http://{}", gateway.rest));
        eventually("the token is refused", || async {
            let answer = there.get("/api/channels").await;
            if answer.status == 401 { Ok(()) } else { Err(answer) }
        })
        .await;
    }
    alice.get("/api/channels").await.refused(401, "INVALID_TOKEN");
    bob.get("/api/users/alice").await.refused(404, "NOT_FOUND");
    assert_eq!(texts(&bob.get("/api/users").await.ok()["users"], "id"), ["bob"]);
    // Other services have followed by the time of the answer.
    assert_eq!(texts(&bob.get(&format!("{}/members", ch(&group))).await.ok()["members"], "userId"), ["bob"]);
    assert_eq!(bob.get(&ch(&group)).await.ok()["memberCount"], 1);
    let shown = &bob.messages(&group, "").await["messages"][0];
    assert_eq!(shown["text"], "still here");
    assert_eq!(
        (&shown["user"]["id"], &shown["user"]["name"]),
        (&json!("deleted-user"), &json!("Deleted user"))
    );
    assert_eq!((&shown["user"]["deleted"], &shown["user"]["image"]), (&json!(true), &Value::Null));
    has(&shown["user"], &["createdAt", "updatedAt"]);
    bob.send_body(&direct, &json!({"text": "x"})).await.refused(403, "FORBIDDEN");
    assert_eq!(bob.texts(&direct).await[0], "between us");
}

#[tokio::test]
async fn a_deleted_id_may_be_used_by_somebody_new() {
    let server = Harness::start().await;
    let old = server.user("alice").await;
    let bob = server.user("bob").await;
    let group = old.group("old", &[&bob]).await;
    server.server_key().delete("/api/users/alice").await.ok();
    let new = server.user("alice").await;
    assert_eq!(new.get("/api/channels").await.ok()["channels"], json!([]));
    new.get(&ch(&group)).await.refused(403, "FORBIDDEN");
    old.get("/api/channels").await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn many_users_are_deleted_at_once_and_unknown_ones_skipped() {
    let server = Harness::start().await;
    server.users(["a", "b", "c"]).await;
    let body = json!({"userIds": ["a", "nobody", "b", "a"]});
    let answer = server.server_key().post("/api/users/bulk-delete", &body).await.ok();
    assert_eq!(
        (&answer["success"], &answer["deleted"], &answer["count"]),
        (&json!(true), &json!(["a", "b"]), &json!(2))
    );
    let many: Vec<String> = (0..101).map(|number| format!("u{number}")).collect();
    for wrong in [json!({}), json!({"userIds": []}), json!({"userIds": many}), json!({"userIds": [1]})] {
        server.server_key().post("/api/users/bulk-delete", &wrong).await.refused(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn user_ids_may_hold_anything_printable() {
    let server = Harness::start().await;
    for odd in ["a b", "a/b", "a:b", "ü", "a%b", "me@example.com", "x?y#z", "unread-count"] {
        let user = server.user(odd).await;
        let encoded: String = odd.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(user.get(&format!("/api/users/{encoded}")).await.ok()["id"], odd);
        let listener = Realtime::connect(&server, &user).await;
        listener.subscribed(&user.stream()).await;
        let group = user.group("g", &[]).await;
        listener.event(&user.stream(), "channel.created").await;
        assert_eq!(user.send(&group, "x").await["userId"], odd);
    }
}

#[tokio::test]
async fn nobody_writes_his_own_e_mail_address() {
    let server = Harness::start().await;
    let alice = server.user_with(json!({"userId": "alice", "email": "a@example.com"})).await;
    for other in [json!("b@example.com"), json!(""), Value::Null] {
        alice.patch("/api/users/me", &json!({"name": "A", "email": other})).await.refused(403, "FORBIDDEN");
    }
    let own = alice.patch("/api/users/me", &json!({"name": "Al", "email": "a@example.com"})).await.ok();
    assert_eq!((&own["name"], &own["email"]), (&json!("Al"), &json!("a@example.com")));
    server.server_key().put("/api/users/alice", &json!({"email": "b@example.com"})).await.ok();
    assert_eq!(alice.get("/api/users/me").await.ok()["email"], "b@example.com");
}
