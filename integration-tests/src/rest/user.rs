use std::ops::Deref;

use serde_json::{Value, json};

use super::{Answer, Rest};

/// A user with tokens; derefs to a [`Rest`] that sends them.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub app: String,
    pub token: String,
    pub ws_token: String,
    pub refresh_token: String,
    rest: Rest,
}

impl Deref for User {
    type Target = Rest;

    fn deref(&self) -> &Rest {
        &self.rest
    }
}

impl User {
    /// From the answer to `POST /tokens`.
    pub fn from_tokens(server: &Rest, app: &str, tokens: &Value) -> Self {
        let text = |name: &str| tokens[name].as_str().unwrap_or_default().to_owned();
        let token = text("token");
        Self {
            id: tokens["user"]["id"].as_str().expect("tokens name their user").to_owned(),
            app: app.to_owned(),
            ws_token: text("wsToken"),
            refresh_token: text("refreshToken"),
            rest: server.clone().with_token(&token),
            token,
        }
    }

    /// The plain client, to be changed.
    pub fn to_rest(&self) -> Rest {
        self.rest.clone()
    }

    /// Name of the user's own realtime channel.
    pub fn stream(&self) -> String {
        format!("user:{}:{}", self.app, self.id)
    }

    /// Realtime channel of a chat channel.
    pub fn chat(&self, channel: &str) -> String {
        format!("chat:{}:{channel}", self.app)
    }

    /// Creates a group with these members and answers its id.
    pub async fn group(&self, name: &str, members: &[&User]) -> String {
        self.channel("group", name, members).await
    }

    /// Creates a channel of a type and answers its id.
    pub async fn channel(&self, kind: &str, name: &str, members: &[&User]) -> String {
        let members: Vec<&str> = members.iter().map(|user| user.id.as_str()).collect();
        let body = json!({"type": kind, "name": name, "memberIds": members});
        let channel = self.post("/api/channels", &body).await.created();
        channel["id"].as_str().expect("a channel has an id").to_owned()
    }

    /// Creates a direct channel and answers its id.
    pub async fn direct(&self, other: &User) -> String {
        let body = json!({"type": "messaging", "memberIds": [other.id]});
        let answer = self.post("/api/channels", &body).await;
        assert!(answer.is_success(), "{}", answer.text);
        answer.body["id"].as_str().expect("a channel has an id").to_owned()
    }

    /// Sends a text and answers the message.
    pub async fn send(&self, channel: &str, text: &str) -> Value {
        self.send_body(channel, &json!({"text": text})).await.created()
    }

    pub async fn send_body(&self, channel: &str, body: &Value) -> Answer {
        self.post(&format!("/api/channels/{channel}/messages"), body).await
    }

    /// A page of a channel's messages; `query` starts with `?` or is empty.
    pub async fn messages(&self, channel: &str, query: &str) -> Value {
        self.get(&format!("/api/channels/{channel}/messages{query}")).await.ok()
    }

    /// The texts of the latest page.
    pub async fn texts(&self, channel: &str) -> Vec<String> {
        let page = self.messages(channel, "?limit=200").await;
        let messages = page["messages"].as_array().cloned().unwrap_or_default();
        messages.iter().map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The user's unread count of a channel, as its detail shows it.
    pub async fn unread(&self, channel: &str) -> u64 {
        let detail = self.get(&format!("/api/channels/{channel}")).await.ok();
        detail["unreadCount"].as_u64().expect("unreadCount is a number")
    }

    /// The user's unread total.
    pub async fn total_unread(&self) -> u64 {
        let answer = self.get("/api/channels/unread-count").await.ok();
        answer["count"].as_u64().expect("count is a number")
    }
}
