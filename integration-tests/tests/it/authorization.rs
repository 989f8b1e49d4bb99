//! chatsdk.md §1.1: who may call what with which credentials.

use std::process::Output;

use crate::prelude::*;

type Endpoint = (Method, String, Option<Value>);

/// Every endpoint that needs a user, with a body that would be accepted.
pub fn user_endpoints(channel: &str, message: &str, user: &str) -> Vec<Endpoint> {
    let (c, m) = (ch(channel), msg(channel, message));
    let text = || Some(json!({"text": "x"}));
    let up_to = || Some(json!({"messageId": message}));
    vec![
        (Method::GET, "/api/channels".into(), None),
        (Method::POST, "/api/channels".into(), Some(json!({"type": "group", "name": "n"}))),
        (Method::GET, "/api/channels/unread-count".into(), None),
        (Method::GET, c.clone(), None),
        (Method::PATCH, c.clone(), Some(json!({"name": "n"}))),
        (Method::POST, format!("{c}/read"), None),
        (Method::PATCH, format!("{c}/settings"), Some(json!({"muted": true}))),
        (Method::PATCH, format!("{c}/star"), Some(json!({"starred": true}))),
        (Method::PATCH, format!("{c}/mute"), Some(json!({"muted": true}))),
        (Method::POST, format!("{c}/typing"), None),
        (Method::POST, format!("{c}/receipts"), up_to()),
        (Method::GET, format!("{c}/receipts/messages/{message}/receipts"), None),
        (Method::POST, format!("{c}/receipts/query"), Some(json!({"messageIds": [message]}))),
        (Method::GET, format!("{c}/receipts/read-status"), None),
        (Method::GET, format!("{c}/messages"), None),
        (Method::POST, format!("{c}/messages"), text()),
        (Method::GET, m.clone(), None),
        (Method::GET, format!("/api/messages/{message}"), None),
        (Method::PATCH, m.clone(), text()),
        (Method::POST, format!("{m}/reactions"), Some(json!({"emoji": "👍"}))),
        (Method::DELETE, format!("{m}/reactions/x"), None),
        (Method::POST, format!("{m}/pin"), None),
        (Method::DELETE, format!("{m}/pin"), None),
        (Method::GET, format!("{c}/pins"), None),
        (Method::GET, format!("{m}/thread"), None),
        (Method::POST, format!("{m}/thread"), text()),
        (Method::GET, format!("{c}/members"), None),
        (Method::POST, format!("{c}/members"), Some(json!({"userId": user}))),
        (Method::PATCH, format!("{c}/members/{user}"), Some(json!({"role": "member"}))),
        (Method::DELETE, format!("{c}/members/{user}"), None),
        (Method::GET, format!("{c}/presence"), None),
        (Method::GET, "/api/users".into(), None),
        (Method::GET, format!("/api/users/{user}"), None),
        (Method::GET, "/api/users/me".into(), None),
        (Method::PATCH, "/api/users/me".into(), Some(json!({"name": "n"}))),
        (Method::POST, "/api/realtime/subscription-token".into(), Some(json!({"channel": "user:a:b"}))),
        (Method::POST, "/api/presence".into(), Some(json!({"online": true}))),
        (Method::POST, "/api/presence/heartbeat".into(), None),
        (Method::POST, "/api/presence/online".into(), None),
        (Method::POST, "/api/presence/offline".into(), None),
        (Method::POST, "/api/presence/query".into(), Some(json!({"userIds": [user]}))),
        (Method::POST, format!("/api/users/{user}/block"), None),
        (Method::DELETE, format!("/api/users/{user}/block"), None),
        (Method::GET, "/api/users/me/blocked".into(), None),
        (Method::POST, "/api/devices".into(), Some(json!({"platform": "expo", "token": "t"}))),
        (Method::DELETE, "/api/devices/none".into(), None),
        (Method::GET, "/api/devices/preferences".into(), None),
        (Method::PATCH, "/api/devices/preferences".into(), Some(json!({"pushEnabled": true}))),
        (Method::GET, "/api/webpush/vapid-key".into(), None),
        (
            Method::POST,
            "/api/webpush/subscribe".into(),
            Some(json!({"endpoint": "https://x.example", "keys": {}})),
        ),
        (Method::POST, "/api/webpush/unsubscribe".into(), Some(json!({"endpoint": "https://x.example"}))),
        (Method::POST, "/api/webpush/test".into(), None),
        (Method::GET, "/api/workspaces".into(), None),
        (Method::POST, "/api/workspaces".into(), Some(json!({"name": "n", "type": "team"}))),
        (Method::DELETE, m, None),
        (Method::DELETE, c, None),
    ]
}

/// Every endpoint that needs an API key alone.
pub fn server_endpoints() -> Vec<Endpoint> {
    vec![
        (Method::POST, "/tokens".into(), Some(json!({"userId": "u"}))),
        (Method::POST, "/api/users/sync".into(), Some(json!({"users": [{"id": "u"}]}))),
        (Method::PUT, "/api/users/u".into(), Some(json!({"name": "n"}))),
        (Method::DELETE, "/api/users/u".into(), None),
        (Method::POST, "/api/users/bulk-delete".into(), Some(json!({"userIds": ["u"]}))),
    ]
}

/// The second app of an installation.
pub struct ForeignApp {
    pub app: String,
    pub rest: Rest,
}

impl ForeignApp {
    pub async fn user(&self, id: &str) -> User {
        let answer = self.rest.post("/tokens", &json!({"userId": id, "name": id})).await.ok();
        User::from_tokens(&self.rest, &self.app, &answer)
    }
}

/// An installation with the development app and a second one, made with the tool for operators.
pub async fn two_apps() -> (Harness, ForeignApp) {
    let server = Harness::start().await;
    let other = app_on(&server);
    (server, other)
}

/// A new app of an installation, made with the tool for operators.
pub fn app_on(server: &Harness) -> ForeignApp {
    let Output { status, stdout, stderr } = server.tool(&["app", "create", "--name", "Other"]);
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "app create: {stdout}\n{stderr}");
    let rest = server.anonymous().with_key(&printed_value(&stdout, "API key"));
    ForeignApp { app: printed_value(&stdout, "app"), rest }
}

/// A value among the lines `name  value` that `parlance app create` prints.
fn printed_value(printed: &str, name: &str) -> String {
    let line = printed.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {printed:?}")).trim().to_owned()
}

#[tokio::test]
async fn user_endpoints_need_a_key_and_a_token_of_the_same_app() {
    let (server, foreign) = two_apps().await;
    let [alice, bob] = server.users(["alice", "bob"]).await;
    let stranger = foreign.user("stranger").await;
    let group = alice.group("g", &[&bob]).await;
    let message = id(&alice.send(&group, "hello").await);
    for (method, path, body) in user_endpoints(&group, &message, "bob") {
        let ask = async |rest: Rest, status: u16, code: &str| {
            rest.request(method.clone(), &path, body.as_ref()).await.refused(status, code);
        };
        ask(server.anonymous(), 401, "UNAUTHORIZED").await;
        ask(server.server_key(), 401, "UNAUTHORIZED").await;
        ask(server.anonymous().with_token(&alice.token), 401, "UNAUTHORIZED").await;
        ask(server.anonymous().with_key("wrong").with_token(&alice.token), 401, "UNAUTHORIZED").await;
        ask(server.server_key().with_token("garbage"), 401, "INVALID_TOKEN").await;
        ask(server.server_key().with_token(&stranger.token), 401, "UNAUTHORIZED").await;
    }
    // None of the refused calls has changed anything.
    assert_eq!(alice.texts(&group).await, ["hello"]);
}

#[tokio::test]
async fn server_endpoints_need_a_valid_key() {
    let server = Harness::start().await;
    let alice = server.user("alice").await;
    for (method, path, body) in server_endpoints() {
        let ask = async |rest: Rest| {
            rest.request(method.clone(), &path, body.as_ref()).await.refused(401, "UNAUTHORIZED");
        };
        ask(server.anonymous()).await;
        ask(server.anonymous().with_key("wrong")).await;
        ask(server.anonymous().with_token(&alice.token)).await;
    }
}

#[tokio::test]
async fn without_required_keys_a_token_is_enough_for_users_but_not_for_servers() {
    let options = Options::new().with("dialects.chatsdk.require_api_key", false);
    let server = Harness::start_with(options).await;
    let alice = server.user("alice").await;
    let browser = server.anonymous().with_token(&alice.token);
    browser.get("/api/channels").await.ok();
    browser.get("/api/users/me").await.ok();
    let wrong = browser.clone().with_key("wrong");
    wrong.get("/api/channels").await.refused(401, "UNAUTHORIZED");
    for (method, path, body) in server_endpoints() {
        browser.request(method, &path, body.as_ref()).await.refused(401, "UNAUTHORIZED");
    }
}
