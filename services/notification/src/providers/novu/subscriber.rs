//! A user at Novu, with his device tokens.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::Outcome;
use super::super::http::by_status;
use super::answer::{Data, failed, read};
use super::{CHANNELS, Novu};

/// Users of different apps with the same id are different subscribers.
pub(super) fn id(app: Uuid, user_id: &str) -> String {
    format!("{}:{user_id}", app.hyphenated())
}

/// What Novu answers to an upsert.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscriber {
    #[serde(default)]
    channels: Option<Vec<Channel>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Channel {
    provider_id: String,
    #[serde(default)]
    credentials: Option<Credentials>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    #[serde(default)]
    device_tokens: Option<Vec<String>>,
}

impl Novu {
    /// Makes Novu's picture of a user that of `tokens`: creates him if need be, writes the tokens that
    /// differ, takes out channels that he has no device of any more. Gives the channels that Novu refused.
    /// Novu is asked each time: what stands there another replica may have written since.
    pub(super) async fn settle(
        &self,
        id: &str,
        tokens: &BTreeMap<&'static str, BTreeSet<&str>>,
    ) -> Result<BTreeMap<&'static str, Outcome>, Outcome> {
        let held = self.upsert(id).await?;
        let mut refused = BTreeMap::new();
        for channel in CHANNELS {
            // Which of several integrations a token stands at is not told.
            let at_novu = held.get(channel).filter(|_| !self.integrations.contains_key(channel));
            match tokens.get(channel) {
                Some(tokens) => {
                    let same = at_novu
                        .is_some_and(|held| held.iter().map(String::as_str).eq(tokens.iter().copied()));
                    if !same && let Some(outcome) = self.set_tokens(id, channel, tokens).await? {
                        refused.insert(channel, outcome);
                    }
                }
                None => {
                    if held.get(channel).is_some_and(|tokens| !tokens.is_empty()) {
                        self.remove_tokens(id, channel).await?;
                    }
                }
            }
        }
        Ok(refused)
    }

    /// Creates the subscriber, or finds him; his tokens at Novu by channel.
    async fn upsert(&self, id: &str) -> Result<BTreeMap<String, BTreeSet<String>>, Outcome> {
        let answer =
            self.call(Method::POST, ["v1", "subscribers"], Some(&json!({ "subscriberId": id }))).await?;
        let Data { data: subscriber } = read::<Subscriber>(&answer, self.common.now())?;
        let mut held: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for channel in subscriber.channels.unwrap_or_default() {
            let tokens = channel.credentials.and_then(|credentials| credentials.device_tokens);
            held.entry(channel.provider_id).or_default().extend(tokens.unwrap_or_default());
        }
        Ok(held)
    }

    /// Replaces the tokens of a channel. `Some`: Novu does not take them (it has no such integration).
    async fn set_tokens(
        &self,
        id: &str,
        channel: &str,
        tokens: &BTreeSet<&str>,
    ) -> Result<Option<Outcome>, Outcome> {
        let mut body = json!({ "providerId": channel, "credentials": { "deviceTokens": tokens } });
        if let Some(integration) = self.integrations.get(channel) {
            body["integrationIdentifier"] = json!(integration);
        }
        let answer = self.call(Method::PUT, ["v1", "subscribers", id, "credentials"], Some(&body)).await?;
        if answer.status.is_success() {
            return Ok(None);
        }
        match answer.status.as_u16() {
            400 | 404 | 422 => {
                let outcome = by_status(&answer, Some("credentials"), self.common.now());
                Ok(Some(match outcome {
                    Outcome::Refused { why } => Outcome::refused("settings", why.detail),
                    other => other,
                }))
            }
            _ => Err(failed(&answer, self.common.now())),
        }
    }

    async fn remove_tokens(&self, id: &str, channel: &str) -> Result<(), Outcome> {
        let path = ["v1", "subscribers", id, "credentials", channel];
        let answer = self.call(Method::DELETE, path, None).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(()),
            status if status.is_success() => Ok(()),
            _ => Err(failed(&answer, self.common.now())),
        }
    }

    /// Removes the subscriber.
    pub(super) async fn remove(&self, id: &str) -> Result<Outcome, Outcome> {
        let answer = self.call(Method::DELETE, ["v1", "subscribers", id], None).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(Outcome::taken()),
            status if status.is_success() => Ok(Outcome::taken()),
            _ => Err(failed(&answer, self.common.now())),
        }
    }

    /// `{channels: [{channel, enabled}], workflows: [...]}`: the channels from what holds for all workflows,
    /// the workflows as Novu tells them.
    pub(super) async fn read_preferences(&self, id: &str) -> Option<Value> {
        let (workflows, global) = futures_util::join!(
            self.call(Method::GET, ["v1", "subscribers", id, "preferences"], None),
            self.call(Method::GET, ["v1", "subscribers", id, "preferences", "global"], None),
        );
        let now = self.common.now();
        let workflows = read::<Vec<Value>>(&workflows.ok()?, now).ok()?.data;
        let global = global.ok().and_then(|answer| read::<Vec<Preference>>(&answer, now).ok());
        let switches = global.and_then(|global| global.data.into_iter().next()).unwrap_or_default();
        let channels: Vec<_> = switches
            .preference
            .channels
            .iter()
            .map(|(channel, enabled)| json!({ "channel": channel, "enabled": enabled }))
            .collect();
        Some(json!({ "channels": channels, "workflows": workflows }))
    }
}

#[derive(Deserialize, Default)]
struct Preference {
    preference: Switches,
}

#[derive(Deserialize, Default)]
struct Switches {
    #[serde(default)]
    channels: BTreeMap<String, bool>,
}
