//! The server under test and the people on it.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::http::{Connection, Request};
use super::process::{self, Usage};
use crate::harness::{DEV_APP, Harness, Node, Options};

/// Connections that prepare a scenario.
const HANDS: usize = 32;
/// Most users that one call may name.
const USERS_PER_CALL: usize = 100;

/// A user with tokens.
#[derive(Debug, Clone)]
pub struct User {
    pub id: String,
    pub token: String,
    pub ws_token: String,
}

impl User {
    /// Name of the user's own stream.
    pub fn stream(&self) -> String {
        format!("user:{DEV_APP}:{}", self.id)
    }
}

/// Name of a channel's stream.
pub fn chat(channel: &str) -> String {
    format!("chat:{DEV_APP}:{channel}")
}

/// One server process; restarted by the scenarios on the same data.
pub struct Server {
    harness: Harness,
    users: Arc<Vec<User>>,
}

impl Server {
    /// On free ports, without rate limits, in a temporary folder or one that is kept.
    pub async fn start(folder: Option<PathBuf>) -> Self {
        let mut options = Options::new().with("log.level", "warn");
        if let Some(folder) = folder {
            options = options.in_folder(folder);
        }
        Self::of(options.embedded()).await
    }

    /// Any installation.
    pub async fn of(options: Options) -> Self {
        Self { harness: Harness::start_with(options).await, users: Arc::default() }
    }

    pub fn harness(&self) -> &Harness {
        &self.harness
    }

    /// Its processes.
    pub fn nodes(&self) -> &[Node] {
        self.harness.nodes()
    }

    /// REST addresses of the gateways.
    pub fn gateways(&self) -> Vec<String> {
        self.harness.gateways().iter().map(|at| at.rest.clone()).collect()
    }

    pub fn address(&self) -> &str {
        &self.harness.addresses().rest
    }

    pub fn realtime_address(&self) -> &str {
        &self.harness.addresses().realtime
    }

    pub fn pid(&self) -> u32 {
        self.harness.pid()
    }

    pub fn data(&self) -> PathBuf {
        self.harness.data_dir()
    }

    pub fn cpu(&self) -> anyhow::Result<Duration> {
        process::cpu(self.pid())
    }

    pub fn usage(&self) -> anyhow::Result<Usage> {
        Usage::now(self.pid())
    }

    pub fn resident_kb(&self) -> anyhow::Result<u64> {
        process::resident_kb(self.pid())
    }

    pub fn kill(&mut self) {
        self.harness.kill();
    }

    pub async fn stop(&mut self) {
        self.harness.terminate().await;
    }

    pub async fn start_again(&mut self) {
        self.harness.start_again().await;
    }

    /// A process without memories.
    pub async fn fresh(&mut self) {
        self.kill();
        self.start_again().await;
    }

    /// The first `count` users, made when missing.
    pub async fn users(&mut self, count: usize) -> anyhow::Result<Arc<Vec<User>>> {
        let known = self.users.len();
        if known < count {
            let made = in_parallel(self.address(), known..count, |index| {
                let id = format!("bench-{index:05}");
                let body = json!({"userId": id, "name": id});
                (Request::new("POST", "/tokens", None), body, move |answer: Value| {
                    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
                    User { id, token: text("token"), ws_token: text("wsToken") }
                })
            })
            .await
            .context("mint tokens")?;
            let all = self.users.iter().cloned().chain(made).collect();
            self.users = Arc::new(all);
        }
        Ok(self.users.clone())
    }

    /// A group of these users, owned by the first; its id.
    pub async fn group(&self, name: &str, members: &[User]) -> anyhow::Result<String> {
        let mut groups = self.groups(&[(name.to_owned(), members.to_vec())]).await?;
        groups.pop().context("a group was made")
    }

    /// Groups of these users, each owned by its first; their ids.
    pub async fn groups(&self, groups: &[(String, Vec<User>)]) -> anyhow::Result<Vec<String>> {
        let ids = in_parallel(self.address(), 0..groups.len(), |index| {
            let (name, members) = &groups[index];
            let others: Vec<&str> =
                members.iter().skip(1).take(USERS_PER_CALL).map(|user| user.id.as_str()).collect();
            let body = json!({"type": "group", "name": name, "memberIds": others});
            let owner = members.first().map(|user| user.token.clone()).unwrap_or_default();
            let request = Request::new("POST", "/api/channels", Some(&owner));
            (request, body, |answer: Value| answer["id"].as_str().unwrap_or_default().to_owned())
        })
        .await
        .context("make channels")?;
        for ((_, members), channel) in groups.iter().zip(&ids) {
            let Some((owner, others)) = members.split_first() else { continue };
            // One after the other: each call changes the channel.
            let mut connection = Connection::open(self.address()).await?;
            let path = format!("/api/channels/{channel}/members");
            let mut request = Request::new("POST", &path, Some(&owner.token));
            for some in others.get(USERS_PER_CALL..).unwrap_or_default().chunks(USERS_PER_CALL) {
                let ids: Vec<&str> = some.iter().map(|user| user.id.as_str()).collect();
                let body = json!({"userIds": ids}).to_string();
                connection.call(request.with(body.as_bytes())).await?.json().context("add members")?;
            }
        }
        Ok(ids)
    }

    /// All metrics of all processes as they are now.
    pub async fn metrics(&self) -> anyhow::Result<Metrics> {
        let mut text = String::new();
        for node in self.nodes() {
            let url = node.ops_url();
            let mut connection = Connection::open(url.trim_start_matches("http://")).await?;
            let answer = connection.call(Request::new("GET", "/metrics", None).with(b"")).await?;
            text.push_str(&String::from_utf8_lossy(answer.body));
            text.push('\n');
        }
        Ok(Metrics(text))
    }
}

/// Prometheus text.
#[derive(Debug)]
pub struct Metrics(String);

impl Metrics {
    /// Sum over all labels of one name; `None` if there is no such metric.
    pub fn sum(&self, name: &str) -> Option<f64> {
        let mut sum = None;
        for line in self.0.lines().filter(|line| !line.starts_with('#')) {
            let Some((key, value)) = line.rsplit_once(' ') else { continue };
            if key.split('{').next() == Some(name)
                && let Ok(value) = value.parse::<f64>()
            {
                *sum.get_or_insert(0.0) += value;
            }
        }
        sum
    }

    /// Growth of those with a label since an earlier look.
    pub fn labelled_since(&self, earlier: &Self, name: &str, label: &str, value: &str) -> f64 {
        let with = format!("{label}=\"{value}\"");
        let sum = |metrics: &Self| {
            let lines = metrics.0.lines().filter(|line| line.starts_with(name) && line.contains(&with));
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>()
        };
        sum(self) - sum(earlier)
    }

    /// Growth of a counter since an earlier look; a counter that was not there was 0.
    pub fn since(&self, earlier: &Self, name: &str) -> Option<f64> {
        self.sum(name).map(|now| now - earlier.sum(name).unwrap_or(0.0))
    }

    /// Mean of what a histogram took in since an earlier look.
    pub fn mean_since(&self, earlier: &Self, histogram: &str) -> Option<f64> {
        let sum = self.since(earlier, &format!("{histogram}_sum"))?;
        let count = self.since(earlier, &format!("{histogram}_count"))?;
        (count > 0.0).then(|| sum / count)
    }
}

/// Makes one call per index on several connections; results in the order of the indices.
async fn in_parallel<T, R: FnOnce(Value) -> T>(
    address: &str,
    indices: Range<usize>,
    call: impl Fn(usize) -> (Request, Value, R),
) -> anyhow::Result<Vec<T>> {
    let next = AtomicUsize::new(indices.start);
    let hand = async || {
        let mut connection = Connection::open(address).await?;
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= indices.end {
                return anyhow::Ok(done);
            }
            let (mut request, body, read) = call(index);
            let answer = connection.call(request.with(body.to_string().as_bytes())).await?.json()?;
            done.push((index, read(answer)));
        }
    };
    let hands = HANDS.min(indices.len());
    let mut all: Vec<(usize, T)> =
        try_join_all((0..hands).map(|_| hand())).await?.into_iter().flatten().collect();
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}
