use std::path::PathBuf;
use std::process::Command;

/// How the services are spread over processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// `parlance serve`: everything in one process.
    #[default]
    Embedded,
    /// Every role a process of its own, on PostgreSQL and Redis.
    Distributed,
}

impl Mode {
    /// `PARLANCE_TEST_MODE`: `embedded` (the default) or `distributed`.
    pub fn of_environment() -> Self {
        match std::env::var("PARLANCE_TEST_MODE").as_deref() {
            Ok("distributed") => Self::Distributed,
            Ok("embedded" | "") | Err(_) => Self::Embedded,
            Ok(other) => panic!("PARLANCE_TEST_MODE is embedded or distributed, not {other}"),
        }
    }
}

/// What a test wants of its installation.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(super) mode: Mode,
    pub(super) folder: Option<PathBuf>,
    pub(super) wrapper: Vec<String>,
    settings: Vec<(String, String)>,
    replicas: Vec<(String, usize)>,
    pub(super) servers: Option<(String, String)>,
    pub(super) rendered: Option<PathBuf>,
    binaries: Vec<(String, usize, PathBuf)>,
    namespaces: Vec<(String, usize, String)>,
    pub(super) host: Option<String>,
}

impl Options {
    /// Loopback, free ports, no rate limits, a short drain; in the mode that the environment names.
    pub fn new() -> Self {
        let fresh = Self { mode: Mode::of_environment(), ..Self::default() };
        fresh.with("rate_limits.enabled", false).with("gateway.drain_s", 1)
    }

    /// In one process, whatever the environment says: for what only one process has.
    pub fn embedded(self) -> Self {
        Self { mode: Mode::Embedded, ..self }
    }

    /// In processes of their own, whatever the environment says.
    pub fn distributed(self) -> Self {
        Self { mode: Mode::Distributed, ..self }
    }

    /// How many processes of a role there are (distributed).
    pub fn with_replicas(mut self, role: &str, count: usize) -> Self {
        self.replicas.retain(|(known, _)| known != role);
        self.replicas.push((role.to_owned(), count));
        self
    }

    /// On these servers (URLs of a PostgreSQL and a Redis) instead of those of the environment.
    pub fn on_servers(mut self, postgres: &str, redis: &str) -> Self {
        self.servers = Some((postgres.to_owned(), redis.to_owned()));
        self
    }

    /// With the arguments, environment and configuration that the chart gives each role (a folder that
    /// `helm/tests/cmd/render` has written); addresses and secrets stay those of the test.
    pub fn rendered_by_the_chart(self, folder: impl Into<PathBuf>) -> Self {
        Self { rendered: Some(folder.into()), ..self }
    }

    /// One process runs another binary, say that of another version.
    pub fn with_binary(mut self, role: &str, index: usize, binary: impl Into<PathBuf>) -> Self {
        self.binaries.push((role.to_owned(), index, binary.into()));
        self
    }

    pub(super) fn without_binaries(mut self) -> Self {
        self.binaries.clear();
        self
    }

    /// All processes listen on this address of the machine instead of loopback.
    pub fn on_host(self, address: &str) -> Self {
        Self { host: Some(address.to_owned()), ..self }
    }

    /// One process runs in a network namespace, in which its address is this one.
    pub fn in_namespace(mut self, role: &str, index: usize, name: &str) -> Self {
        self.namespaces.push((role.to_owned(), index, name.to_owned()));
        self
    }

    pub(super) fn binary_of(&self, role: &str, index: usize) -> PathBuf {
        let other = self.binaries.iter().find(|(known, at, _)| known == role && *at == index);
        other.map_or_else(super::binary, |(_, _, path)| path.clone())
    }

    pub(super) fn namespace_of(&self, role: &str, index: usize) -> Option<&str> {
        let found = self.namespaces.iter().find(|(known, at, _)| known == role && *at == index);
        found.map(|(_, _, name)| name.as_str())
    }

    pub(super) fn replicas(&self, role: &str) -> usize {
        let usual = match role {
            "gateway" | "message" => 2,
            _ => 1,
        };
        self.replicas.iter().find(|(known, _)| known == role).map_or(usual, |(_, count)| *count)
    }

    /// Sets `section.key` through the environment, as an operator would.
    pub fn with(mut self, setting: &str, value: impl ToString) -> Self {
        let name = format!("PARLANCE__{}", setting.replace('.', "__").to_uppercase());
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_string()));
        self
    }

    /// Runs on an existing folder (kept afterwards) instead of a temporary one.
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Runs the server under another program, e.g. `strace -f -o FILE`.
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|part| (*part).to_owned()).collect();
        self
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn apply(&self, command: &mut Command) {
        for (name, value) in &self.settings {
            command.env(name, value);
        }
    }
}
