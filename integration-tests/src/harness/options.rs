use std::path::PathBuf;
use std::process::Command;

/// How the services are spread over processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// `parlance serve`: everything in one process.
    #[default]
    Embedded,
}

/// What a test wants of its installation.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(super) mode: Mode,
    pub(super) folder: Option<PathBuf>,
    pub(super) wrapper: Vec<String>,
    settings: Vec<(String, String)>,
}

impl Options {
    /// Loopback, free ports, no rate limits, a short drain.
    pub fn new() -> Self {
        Self::default().with("rate_limits.enabled", false).with("gateway.drain_s", 1)
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
