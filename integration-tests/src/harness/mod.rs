//! A running Parlance, seen from outside: its addresses, its log, its life and its death.
//!
//! A [`Harness`] owns the processes of one installation and its data: one process and a folder
//! ([`Mode::Embedded`]), or a process for every role and replica, a database and a part of a Redis
//! ([`Mode::Distributed`]). Every scenario runs unchanged in both; with two gateways, requests of one
//! client go to one after the other, so that what is written through one is read through the other.

mod addresses;
mod backing;
mod cluster;
mod node;
mod options;
mod ports;
mod process;
mod rendered;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tempfile::TempDir;

pub use addresses::Addresses;
pub use backing::Backing;
pub use node::Node;
pub use options::{Mode, Options};
pub use process::binary;

use crate::rest::{Rest, User};

/// The app that an empty store is given for development.
pub const DEV_APP: &str = "00000000-0000-0000-0000-000000000001";
/// Its API key.
pub const DEV_KEY: &str = "dev-api-key";
/// The secret with which its backends may sign access tokens.
pub const DEV_SECRET: &str = "dev-api-secret";

/// One installation under test. Dropping it kills its processes and removes its data.
pub struct Harness {
    options: Options,
    folder: PathBuf,
    /// By rank of their roles.
    nodes: Vec<Node>,
    rest: Rest,
    next: AtomicUsize,
    http: reqwest::Client,
    // Last, so that the processes are gone when the data is removed.
    _backing: Option<Backing>,
    _temp: Option<TempDir>,
}

impl Harness {
    /// Starts an installation with test settings.
    pub async fn start() -> Self {
        Self::start_with(Options::new()).await
    }

    /// Starts an installation; panics with its log if it does not get ready.
    pub async fn start_with(options: Options) -> Self {
        let temp = options.folder.is_none().then(|| TempDir::with_prefix("parlance-it-").unwrap());
        let folder = match (&options.folder, &temp) {
            (Some(folder), _) => folder.clone(),
            (None, Some(temp)) => temp.path().to_owned(),
            (None, None) => unreachable!("one of both is set"),
        };
        std::fs::create_dir_all(&folder).unwrap();
        let (backing, nodes) = match options.mode {
            Mode::Embedded => (None, vec![Node::whole(&folder)]),
            Mode::Distributed => {
                let backing = match &options.servers {
                    Some((postgres, redis)) => Backing::on(postgres.clone(), redis.clone()),
                    None => Backing::of_environment(),
                };
                let nodes = cluster::nodes(&options, &backing, &folder);
                (Some(backing), nodes)
            }
        };
        let http = Rest::http_client();
        let mut harness = Self {
            options,
            folder,
            nodes,
            rest: Rest::new(http.clone(), String::new()),
            next: AtomicUsize::new(0),
            http,
            _backing: backing,
            _temp: temp,
        };
        harness.boot().await;
        harness
    }

    /// The processes, by rank of their roles.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The processes of one role.
    pub fn of_role(&self, role: &str) -> Vec<&Node> {
        self.nodes.iter().filter(|node| node.role == role).collect()
    }

    pub fn node_mut(&mut self, role: &str, index: usize) -> &mut Node {
        let found = self.nodes.iter_mut().find(|node| node.role == role && node.index == index);
        found.unwrap_or_else(|| panic!("there is no {role}-{index}"))
    }

    /// The addresses of the gateways.
    pub fn gateways(&self) -> Vec<&Addresses> {
        let is_edge = |node: &&Node| node.role == "gateway" || node.role == "serve";
        self.nodes.iter().filter(is_edge).map(|node| &node.addresses).collect()
    }

    /// One gateway after the other.
    fn gateway(&self) -> &Addresses {
        let gateways = self.gateways();
        gateways[self.next.fetch_add(1, Ordering::Relaxed) % gateways.len()]
    }

    /// The REST listener of a gateway, without a trailing slash.
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.gateway().rest)
    }

    /// The realtime endpoint on the realtime listener of a gateway.
    pub fn realtime_url(&self) -> String {
        format!("ws://{}/connection/websocket", self.gateway().realtime)
    }

    /// The realtime endpoint on the REST listener of a gateway.
    pub fn realtime_url_on_rest(&self) -> String {
        format!("ws://{}/connection/websocket", self.gateway().rest)
    }

    /// Where the first gateway, and in one process everything, listens.
    pub fn addresses(&self) -> &Addresses {
        self.gateways()[0]
    }

    pub fn mode(&self) -> Mode {
        self.options.mode
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A client without any credentials, whose requests go to one gateway after the other.
    pub fn anonymous(&self) -> Rest {
        self.rest.clone()
    }

    /// A backend: the API key alone.
    pub fn server_key(&self) -> Rest {
        self.anonymous().with_key(DEV_KEY)
    }

    /// A user of the development app, created when new; name = id.
    pub async fn user(&self, id: &str) -> User {
        self.user_with(json!({"userId": id, "name": id})).await
    }

    /// A user from a whole `POST /tokens` body.
    pub async fn user_with(&self, body: serde_json::Value) -> User {
        let answer = self.server_key().post("/tokens", &body).await;
        User::from_tokens(&self.server_key(), DEV_APP, &answer.ok())
    }

    /// Several users.
    pub async fn users<const N: usize>(&self, ids: [&str; N]) -> [User; N] {
        let mut users = Vec::with_capacity(N);
        for id in ids {
            users.push(self.user(id).await);
        }
        users.try_into().unwrap_or_else(|_| unreachable!("as many users as ids"))
    }

    /// The metrics of all processes.
    pub async fn metrics(&self) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            let answer = self.http.get(format!("{}/metrics", node.ops_url())).send().await;
            text.push_str(&answer.expect("metrics are served").text().await.expect("metrics are text"));
        }
        text
    }

    /// Everything that the processes have printed so far.
    pub fn log(&self) -> String {
        self.nodes.iter().map(Node::log).collect()
    }

    /// Process id of the one server.
    pub fn pid(&self) -> u32 {
        assert_eq!(self.nodes.len(), 1, "one process was expected");
        self.nodes[0].pid()
    }

    /// SIGKILL for every process, without any chance to tidy up.
    pub fn kill(&mut self) {
        for node in &mut self.nodes {
            node.kill();
        }
    }

    /// SIGTERM for every process, then waits for their ends, which must be good ones.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.begin_terminate();
        self.ended().await
    }

    /// Sends SIGTERM, gateways first, and leaves the processes running their course.
    pub fn begin_terminate(&mut self) {
        for node in self.nodes.iter_mut().rev() {
            node.begin_terminate();
        }
    }

    /// Waits for processes that were told to end; the first bad end, or a good one.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut outcome = None;
        for node in &mut self.nodes {
            let status = node.ended().await;
            if !status.success() || outcome.is_none() {
                outcome = Some(status);
            }
        }
        outcome.expect("there is a process")
    }

    /// Starts again after [`Harness::kill`] or [`Harness::terminate`]: same data, same ports.
    pub async fn start_again(&mut self) {
        self.boot().await;
    }

    /// SIGKILL and start again.
    pub async fn crash(&mut self) {
        self.kill();
        self.start_again().await;
    }

    /// Changes settings for the next start.
    pub fn set(&mut self, name: &str, value: impl ToString) {
        self.options = std::mem::take(&mut self.options).with(name, value);
    }

    /// Runs a tool of the binary (`app list`, `config print`) on the data of this installation.
    pub fn tool(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = std::process::Command::new(binary());
        command.args(arguments).arg("--data-dir").arg(self.data_dir());
        // The auth service's settings, or those of the whole.
        self.nodes[0].apply(&mut command);
        self.options.apply(&mut command);
        command.output().unwrap()
    }

    /// From the next start on every process runs the binary under test.
    pub fn use_own_binary(&mut self) {
        self.options = std::mem::take(&mut self.options).without_binaries();
    }

    /// Starts one process again: same data, same ports.
    pub async fn start_node(&mut self, role: &str, index: usize) {
        let (options, http) = (self.options.clone(), self.http.clone());
        let node = self.node_mut(role, index);
        node.launch(&options);
        node.ready(&http).await;
    }

    async fn boot(&mut self) {
        for node in &mut self.nodes {
            node.launch(&self.options);
        }
        for node in &mut self.nodes {
            node.ready(&self.http).await;
        }
        let urls = self.gateways().iter().map(|at| format!("http://{}", at.rest)).collect();
        self.rest = Rest::alternating(self.http.clone(), urls);
    }

    fn log_tail(&self) -> String {
        let tails = self.nodes.iter().map(|node| format!("[{}]\n{}", node.name(), node.log_tail()));
        tails.collect::<Vec<_>>().join("\n")
    }

    /// Where logs and data lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- end of the server's log ---\n{}\n---", self.log_tail());
        }
    }
}
