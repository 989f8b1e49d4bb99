//! A running Parlance, seen from outside: its addresses, its log, its life and its death.
//!
//! A [`Harness`] owns the processes of one installation and its data directory. Today an
//! installation is one process ([`Mode::Embedded`]); a mode that starts one process per role adds a
//! variant and its own way to fill [`Addresses`], and every scenario runs unchanged in it.

mod addresses;
mod options;
mod process;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

pub use addresses::Addresses;
pub use options::{Mode, Options};
use process::Process;
pub use process::binary;

use crate::rest::{Rest, User};

/// The app that an empty store is given for development.
pub const DEV_APP: &str = "00000000-0000-0000-0000-000000000001";
/// Its API key.
pub const DEV_KEY: &str = "dev-api-key";
/// The secret with which its backends may sign access tokens.
pub const DEV_SECRET: &str = "dev-api-secret";

/// How long a start may take, migrations included.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// One installation under test. Dropping it kills its processes and removes its data.
pub struct Harness {
    options: Options,
    folder: PathBuf,
    addresses: Addresses,
    process: Option<Process>,
    http: reqwest::Client,
    // Last, so that the processes are gone when the folder is removed.
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
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let mut harness = Self {
            options,
            folder,
            addresses: Addresses::any_port(),
            process: None,
            http: Rest::http_client(),
            _temp: temp,
        };
        harness.boot().await;
        harness
    }

    /// The REST listener, without a trailing slash.
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.addresses.rest)
    }

    /// The realtime endpoint on the realtime listener.
    pub fn realtime_url(&self) -> String {
        format!("ws://{}/connection/websocket", self.addresses.realtime)
    }

    /// The realtime endpoint on the REST listener.
    pub fn realtime_url_on_rest(&self) -> String {
        format!("ws://{}/connection/websocket", self.addresses.rest)
    }

    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A client without any credentials.
    pub fn anonymous(&self) -> Rest {
        Rest::new(self.http.clone(), self.rest_url())
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

    /// Everything that the processes have printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Process id of the server.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("running").pid()
    }

    /// SIGKILL, without any chance to tidy up.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// SIGTERM, then waits for the end.
    pub async fn terminate(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("running");
        process.terminate();
        process.wait(Duration::from_secs(60)).await.unwrap_or_else(|| {
            panic!("still running 60 s after SIGTERM; log:\n{}", self.log_tail());
        })
    }

    /// Sends SIGTERM and leaves the process running its course.
    pub fn begin_terminate(&mut self) {
        self.process.as_mut().expect("running").terminate();
    }

    /// Waits for a process that was told to end.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("running");
        process.wait(Duration::from_secs(60)).await.expect("ends")
    }

    /// Starts again after [`Harness::kill`] or [`Harness::terminate`]: same data, same ports.
    pub async fn start_again(&mut self) {
        assert!(self.process.is_none(), "still running");
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

    /// Runs a tool of the binary (`app list`, `config print`) on this data directory.
    pub fn tool(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = std::process::Command::new(binary());
        command.args(arguments).arg("--data-dir").arg(self.data_dir());
        self.options.apply(&mut command);
        command.output().unwrap()
    }

    async fn boot(&mut self) {
        let listen = self.data_dir().join("listen.json");
        let _ = std::fs::remove_file(&listen);
        let mut process = Process::start(&self.options, &self.addresses, &self.data_dir(), &self.log_path());
        let started = Instant::now();
        loop {
            if let Some(status) = process.ended() {
                panic!("the server ended with {status}; log:\n{}", self.log_tail());
            }
            if let Some(addresses) = Addresses::read(&listen) {
                self.addresses = addresses;
                if self.is_ready().await {
                    break;
                }
            }
            assert!(started.elapsed() < START_TIMEOUT, "not ready in time; log:\n{}", self.log_tail());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.process = Some(process);
    }

    async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("{}/ready", self.rest_url())).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        // The greeting at the start tells nothing about a failure, unless it is all there is.
        let since = log.rfind("\"serving\"").unwrap_or_default();
        let lines: Vec<&str> = log[since..].lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
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
