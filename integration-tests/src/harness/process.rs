use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::Options;

/// A process of an installation; killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Runs under a tracer: the server is the tracer's child.
    wrapped: bool,
}

/// The binary under test: `PARLANCE_BIN`, or the one that cargo put beside the test's own folder.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("PARLANCE_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    let path = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("parlance"))
        .find(|path| path.is_file())
        .unwrap_or_default();
    assert!(path.is_file(), "no binary beside {}: run `cargo build` first", test.display());
    path
}

impl Process {
    /// Runs `words` (a program, perhaps under others, and its arguments).
    pub(super) fn start(
        words: Vec<OsString>,
        wrapped: bool,
        options: &Options,
        environment: &[(String, String)],
        log: &Path,
    ) -> Self {
        let mut words = words.into_iter();
        let mut program = Command::new(words.next().expect("at least the binary"));
        let log = OpenOptions::new().create(true).append(true).open(log).expect("the log can be opened");
        program
            .args(words)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log);
        options.apply(&mut program);
        let child = program.spawn().unwrap_or_else(|error| panic!("{program:?}: {error}"));
        Self { child, wrapped }
    }

    /// Process id of the server itself.
    pub(super) fn pid(&self) -> u32 {
        let own = self.child.id();
        if self.wrapped { child_of(own).unwrap_or(own) } else { own }
    }

    pub(super) fn terminate(&mut self) {
        self.signal("TERM");
    }

    pub(super) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    pub(super) fn kill(&mut self) {
        if self.wrapped {
            signal(self.pid(), "KILL");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the process is ours")
    }

    pub(super) async fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        while started.elapsed() < timeout {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn child_of(pid: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// Sends a signal to one process by its id.
fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").args(["-s", name, &pid.to_string()]).stderr(Stdio::null()).status();
}
