//! Expo: batches, a ticket for each message at once, a receipt for each ticket later.

mod answer;
mod message;

use futures_util::StreamExt as _;
use http::{HeaderValue, header};
use parlance_core::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use self::answer::{Receipts, Tickets};
use super::http::{exchange_until, time_to_live};
use super::settings::{self, base_url, join};
use super::{Common, Outcome, Provider, Push, Target};

const BASE_URL: &str = "https://exp.host";
/// Expo's limits.
const MAX_MESSAGES: usize = 100;
const MAX_RECEIPTS: usize = 1_000;
/// What Expo asks its clients to keep to.
const MAX_CONNECTIONS: usize = 6;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    android_channel_id: Option<String>,
    base_url: Option<String>,
    root_ca: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    access_token: Option<settings::Secret>,
}

pub struct Expo {
    common: Common,
    http: reqwest::Client,
    send_url: Url,
    receipts_url: Url,
    authorization: Option<HeaderValue>,
    android_channel_id: Option<String>,
}

/// A message on its way: where its outcome belongs, its token, its JSON.
struct Message<'a> {
    place: usize,
    token: &'a str,
    json: Value,
}

impl Expo {
    pub fn new(settings: &Value, secrets: &Value, common: &Common) -> Result<Self> {
        let settings: Settings = settings::settings(settings)?;
        let secrets: Secrets = settings::secrets(secrets)?;
        let base = base_url("settings.base_url", settings.base_url.as_deref(), BASE_URL, common)?;
        let authorization = secrets
            .access_token
            .filter(|token| !token.expose().is_empty())
            .map(|token| {
                let mut header =
                    HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
                        Error::invalid("secrets.access_token", "must be visible ASCII characters")
                    })?;
                header.set_sensitive(true);
                Ok::<_, Error>(header)
            })
            .transpose()?;
        Ok(Self {
            common: common.clone(),
            http: common.client(settings.root_ca.as_deref())?,
            send_url: join(&base, ["--", "api", "v2", "push", "send"]),
            receipts_url: join(&base, ["--", "api", "v2", "push", "getReceipts"]),
            authorization,
            android_channel_id: settings.android_channel_id,
        })
    }

    fn request(&self, url: &Url, body: &Value) -> reqwest::RequestBuilder {
        let request = self.http.post(url.clone()).header(header::ACCEPT, "application/json").json(body);
        match &self.authorization {
            Some(token) => request.header(header::AUTHORIZATION, token.clone()),
            None => request,
        }
    }

    /// One batch. If Expo refuses it as a whole for what is in it, it is taken apart: by project if that is
    /// what is wrong, else in halves, until only the messages at fault are left out.
    async fn send_batch(&self, batch: Vec<Message<'_>>, deadline: Instant) -> Vec<(usize, Outcome)> {
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            let body = Value::Array(part.iter().map(|message| message.json.clone()).collect());
            let said = match exchange_until(deadline, self.request(&self.send_url, &body)).await {
                Ok(answer) => answer::tickets(&answer, part.len(), self.common.now()),
                Err(outcome) => Tickets::None(outcome),
            };
            match said {
                Tickets::Each(tickets) => {
                    outcomes.extend(part.iter().map(|message| message.place).zip(tickets));
                }
                Tickets::SeveralProjects(projects, refused) => {
                    let groups = by_project(part, &projects);
                    if groups.len() > 1 {
                        parts.extend(groups);
                    } else {
                        let same = groups.into_iter().flatten();
                        outcomes.extend(same.map(|message| (message.place, refused.clone())));
                    }
                }
                Tickets::Unfit(_) if part.len() > 1 => {
                    let rest = part.split_off(part.len() / 2);
                    parts.extend([part, rest]);
                }
                Tickets::Unfit(outcome) | Tickets::None(outcome) => {
                    outcomes.extend(part.iter().map(|message| (message.place, outcome.clone())));
                }
            }
        }
        outcomes
    }

    async fn ask_receipts(&self, ids: &[String], deadline: Instant) -> Vec<Option<Outcome>> {
        let request = self.request(&self.receipts_url, &json!({ "ids": ids }));
        match exchange_until(deadline, request).await.map(|answer| answer::receipts(&answer)) {
            Ok(Some(Receipts(mut known))) => ids.iter().map(|id| known.remove(id)).collect(),
            Ok(None) | Err(_) => vec![None; ids.len()],
        }
    }
}

/// `projects`: the tokens of each, as Expo told them. Tokens that it did not name stay together.
fn by_project<'a>(part: Vec<Message<'a>>, projects: &[Vec<String>]) -> Vec<Vec<Message<'a>>> {
    let mut groups: Vec<Vec<Message<'a>>> = (0..=projects.len()).map(|_| Vec::new()).collect();
    for message in part {
        let project = projects.iter().position(|tokens| tokens.iter().any(|token| token == message.token));
        groups[project.unwrap_or(projects.len())].push(message);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

#[async_trait::async_trait]
impl Provider for Expo {
    async fn send(&self, pushes: &[(Push, Target)]) -> Vec<Outcome> {
        let deadline = Instant::now() + self.common.timeout;
        let now = self.common.now();
        let mut outcomes: Vec<Option<Outcome>> = vec![None; pushes.len()];
        let mut messages = Vec::with_capacity(pushes.len());
        for (place, (push, target)) in pushes.iter().enumerate() {
            // Expo refuses a whole batch for what is no token at all.
            if !message::is_token(&target.token) {
                outcomes[place] = Some(Outcome::NoToken);
                continue;
            }
            let channel = self.android_channel_id.as_deref();
            let json = time_to_live(push, now).and_then(|_| message::render(push, &target.token, channel));
            match json {
                Ok(json) => messages.push(Message { place, token: &target.token, json }),
                Err(outcome) => outcomes[place] = Some(outcome),
            }
        }
        let mut batches = Vec::new();
        while !messages.is_empty() {
            let rest = messages.split_off(messages.len().min(MAX_MESSAGES));
            batches.push(self.send_batch(std::mem::replace(&mut messages, rest), deadline));
        }
        let done: Vec<_> = futures_util::stream::iter(batches).buffered(MAX_CONNECTIONS).collect().await;
        for (place, outcome) in done.into_iter().flatten() {
            outcomes[place] = Some(outcome);
        }
        let missing = || Outcome::later("malformed", "no ticket");
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }

    fn batch(&self) -> usize {
        MAX_MESSAGES
    }

    async fn receipts(&self, receipts: &[String]) -> Vec<Option<Outcome>> {
        let deadline = Instant::now() + self.common.timeout;
        let mut outcomes = Vec::with_capacity(receipts.len());
        for ids in receipts.chunks(MAX_RECEIPTS) {
            outcomes.extend(self.ask_receipts(ids, deadline).await);
        }
        outcomes
    }
}
