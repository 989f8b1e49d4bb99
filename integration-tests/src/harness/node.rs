//! One process of an installation: its role, its ports, its log; killed and started again on the same ports.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::process::Process;
use super::{Addresses, Options, ports};

/// How long a start may take, migrations included.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const END_TIMEOUT: Duration = Duration::from_secs(60);

/// A process and what it takes to start it again.
#[derive(Debug)]
pub struct Node {
    /// `serve`, or the role.
    pub role: String,
    /// Which replica of the role.
    pub index: usize,
    pub(super) addresses: Addresses,
    ops: Option<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
    process: Option<Process>,
}

impl Node {
    /// The whole program in one process; the server tells which ports it got.
    pub(super) fn whole(folder: &Path) -> Self {
        let data = folder.join("data");
        std::fs::create_dir_all(&data).unwrap();
        let environment = vec![("PARLANCE__DATA_DIR".to_owned(), data.display().to_string())];
        Self {
            role: "serve".to_owned(),
            index: 0,
            addresses: Addresses::any_port(),
            ops: None,
            arguments: Vec::new(),
            environment,
            log: folder.join("server.log"),
            process: None,
        }
    }

    /// One role, on ports that stay its own.
    pub(super) fn of_role(role: &str, index: usize, host: &str, folder: &Path) -> Self {
        let port = || format!("{host}:{}", ports::free());
        let addresses = Addresses { rest: port(), realtime: port(), grpc: port() };
        let log = folder.join(format!("{role}-{index}.log"));
        let (ops, role) = (Some(port()), role.to_owned());
        let (arguments, environment) = (Vec::new(), Vec::new());
        Self { role, index, addresses, ops, arguments, environment, log, process: None }
    }

    pub(super) fn argue(&mut self, argument: impl Into<String>) {
        self.arguments.push(argument.into());
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.into()));
    }

    pub(super) fn is_told(&self, name: &str) -> bool {
        self.environment.iter().any(|(known, _)| known == name)
    }

    /// Gives a command the settings of this process.
    pub(super) fn apply(&self, command: &mut std::process::Command) {
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// `gateway-1`, for people.
    pub fn name(&self) -> String {
        format!("{}-{}", self.role, self.index)
    }

    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Where `/health`, `/ready` and `/metrics` are.
    pub fn ops_url(&self) -> String {
        format!("http://{}", self.ops.as_ref().unwrap_or(&self.addresses.rest))
    }

    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Process id of the server.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("running").pid()
    }

    /// Starts the process; [`Node::ready`] waits for it.
    pub(super) fn launch(&mut self, options: &Options) {
        assert!(self.process.is_none(), "{} still runs", self.name());
        let _ = std::fs::remove_file(self.listen_json());
        let mut environment = self.environment.clone();
        let mut set = |name: &str, value: &str| environment.push((name.to_owned(), value.to_owned()));
        set("PARLANCE__GATEWAY__LISTEN", &self.addresses.rest);
        set("PARLANCE__GATEWAY__REALTIME_LISTEN", &self.addresses.realtime);
        set("PARLANCE__GRPC__LISTEN", &self.addresses.grpc);
        if let Some(ops) = &self.ops {
            set("PARLANCE__OPS__LISTEN", ops);
        }
        let namespace = options.namespace_of(&self.role, self.index);
        let within = namespace.map(|name| ["ip", "netns", "exec", name]);
        let mut words: Vec<OsString> = within.into_iter().flatten().map(Into::into).collect();
        words.extend(options.wrapper.iter().map(Into::into));
        let wrapped = !options.wrapper.is_empty();
        words.push(options.binary_of(&self.role, self.index).into());
        words.push(self.role.clone().into());
        words.extend(self.arguments.iter().map(Into::into));
        self.process = Some(Process::start(words, wrapped, options, &environment, &self.log));
    }

    /// Returns when the process says that it is ready; panics with its log if it does not.
    pub(super) async fn ready(&mut self, http: &reqwest::Client) {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.as_mut().expect("launched").ended() {
                panic!("{} ended with {status}; log:\n{}", self.name(), self.log_tail());
            }
            if self.ops.is_none()
                && let Some(addresses) = Addresses::read(&self.listen_json())
            {
                self.addresses = addresses;
            }
            if self.is_ready(http).await {
                return;
            }
            let name = self.name();
            assert!(
                started.elapsed() < START_TIMEOUT,
                "{name} is not ready in time; log:\n{}",
                self.log_tail()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) async fn is_ready(&self, http: &reqwest::Client) -> bool {
        if self.ops_url().ends_with(":0") {
            return false;
        }
        let answer = http.get(format!("{}/ready", self.ops_url())).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// SIGKILL, without any chance to tidy up.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Sends SIGTERM and leaves the process running its course.
    pub fn begin_terminate(&mut self) {
        self.process.as_mut().expect("running").terminate();
    }

    /// SIGSTOP: the process is there and does nothing.
    pub fn pause(&self) {
        self.process.as_ref().expect("running").signal("STOP");
    }

    pub fn resume(&self) {
        self.process.as_ref().expect("running").signal("CONT");
    }

    /// Waits for a process that was told to end.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("running");
        process.wait(END_TIMEOUT).await.unwrap_or_else(|| {
            panic!("{} still runs {END_TIMEOUT:?} after SIGTERM; log:\n{}", self.name(), self.log_tail());
        })
    }

    /// Everything that the process has printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(super) fn log_tail(&self) -> String {
        let log = self.log();
        // The greeting at the start tells nothing about a failure, unless it is all there is.
        let since = log.rfind("\"serving\"").unwrap_or_default();
        let lines: Vec<&str> = log[since..].lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    fn listen_json(&self) -> PathBuf {
        self.log.with_file_name("data").join("listen.json")
    }
}
