//! Novu: keeps subscribers and their device tokens, and hands notifications on to the push services that are
//! set up there. One trigger per user and notification, however many devices he has.

mod answer;
mod subscriber;
mod trigger;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use http::{HeaderValue, header};
use parlance_core::{Error, Result};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::http::{Answer, each, exchange, in_time, time_to_live};
use super::settings::{self, base_url, join, name, required};
use super::{Common, Outcome, Provider, Push, Target};

const BASE_URL: &str = "https://api.novu.co";
/// The push services whose tokens Novu takes; the names are Novu's as well.
const CHANNELS: [&str; 3] = ["fcm", "apns", "expo"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    workflow: String,
    /// Novu's integration identifiers by channel, where it has several.
    #[serde(default)]
    integrations: BTreeMap<String, String>,
    base_url: Option<String>,
    root_ca: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    api_key: Option<settings::Secret>,
}

pub struct Novu {
    common: Common,
    http: reqwest::Client,
    base: Url,
    authorization: HeaderValue,
    workflow: String,
    integrations: BTreeMap<String, String>,
}

/// One notification to one user: the places of its pushes in what was to be sent, his tokens by channel.
struct Group<'a> {
    push: &'a Push,
    places: Vec<(usize, &'static str)>,
    tokens: BTreeMap<&'static str, BTreeSet<&'a str>>,
}

impl Group<'_> {
    fn all(&self, outcome: &Outcome) -> Vec<(usize, Outcome)> {
        self.places.iter().map(|(place, _)| (*place, outcome.clone())).collect()
    }
}

impl Novu {
    pub fn new(settings: &Value, secrets: &Value, common: &Common) -> Result<Self> {
        let settings: Settings = settings::settings(settings)?;
        let secrets: Secrets = settings::secrets(secrets)?;
        if let Some(other) = settings.integrations.keys().find(|key| !CHANNELS.contains(&key.as_str())) {
            let field = format!("settings.integrations.{other}");
            return Err(Error::invalid(&field, "is not one of fcm, apns and expo"));
        }
        let key = required("secrets.api_key", secrets.api_key)?;
        let mut authorization = HeaderValue::try_from(format!("ApiKey {}", key.expose()))
            .map_err(|_| Error::invalid("secrets.api_key", "must be visible ASCII characters"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            common: common.clone(),
            http: common.client(settings.root_ca.as_deref())?,
            base: base_url("settings.base_url", settings.base_url.as_deref(), BASE_URL, common)?,
            authorization,
            workflow: name("settings.workflow", &settings.workflow)?,
            integrations: settings.integrations,
        })
    }

    async fn call<'a>(
        &self,
        method: Method,
        path: impl IntoIterator<Item = &'a str>,
        body: Option<&Value>,
    ) -> Result<Answer, Outcome> {
        let request = self
            .http
            .request(method, join(&self.base, path))
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(header::ACCEPT, "application/json");
        exchange(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// The outcomes of a group, by place.
    async fn notify(&self, group: &Group<'_>) -> Vec<(usize, Outcome)> {
        let refused = match self.tell(group).await {
            Ok(refused) => refused,
            Err(outcome) => return group.all(&outcome),
        };
        let of = |channel: &str| refused.get(channel).cloned().unwrap_or_else(Outcome::taken);
        group.places.iter().map(|(place, channel)| (*place, of(channel))).collect()
    }

    /// Sees that Novu knows the user and his tokens, and triggers. Gives the channels that Novu took no
    /// tokens of, and why.
    async fn tell(&self, group: &Group<'_>) -> Result<BTreeMap<&'static str, Outcome>, Outcome> {
        time_to_live(group.push, self.common.now())?;
        let id = subscriber::id(group.push.app, &group.push.user_id);
        let refused = self.settle(&id, &group.tokens).await?;
        if refused.len() == group.tokens.len() {
            return Ok(refused);
        }
        self.trigger(&id, group.push).await?;
        Ok(refused)
    }
}

#[async_trait::async_trait]
impl Provider for Novu {
    async fn send(&self, pushes: &[(Push, Target)]) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = vec![None; pushes.len()];
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut by_push: HashMap<(Uuid, &str, Uuid), usize> = HashMap::new();
        for (place, (push, target)) in pushes.iter().enumerate() {
            if !CHANNELS.contains(&target.channel) {
                outcomes[place] = Some(Outcome::refused("channel", "not for Novu"));
                continue;
            }
            let at = *by_push.entry((push.app, &push.user_id, push.id)).or_insert_with(|| {
                groups.push(Group { push, places: Vec::new(), tokens: BTreeMap::new() });
                groups.len() - 1
            });
            groups[at].places.push((place, target.channel));
            groups[at].tokens.entry(target.channel).or_default().insert(&target.token);
        }
        // What has not ended in time is tried later as a whole: Novu drops what it has already taken.
        let tries = groups.iter().map(|group| self.notify(group)).collect();
        for (group, end) in groups.iter().zip(in_time(tries, self.common.timeout).await) {
            let end = end.unwrap_or_else(|late| group.all(&late));
            for (place, outcome) in end {
                outcomes[place] = Some(outcome);
            }
        }
        // Every push without an outcome was put into a group.
        let missing = || Outcome::later("malformed", "no outcome");
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }

    fn batch(&self) -> usize {
        32
    }

    async fn preferences(&self, app: Uuid, user_id: &str) -> Option<Value> {
        let id = subscriber::id(app, user_id);
        tokio::time::timeout(self.common.timeout, self.read_preferences(&id)).await.ok().flatten()
    }

    async fn forget(&self, app: Uuid, user_id: &str) -> Outcome {
        let id = subscriber::id(app, user_id);
        each(vec![self.remove(&id)], self.common.timeout).await.pop().unwrap_or_else(Outcome::taken)
    }
}
