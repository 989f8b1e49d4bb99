use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(10);

/// A data folder and settings for processes on it; the ports are free ones.
pub struct Place {
    folder: TempDir,
    settings: Vec<(String, String)>,
}

impl Place {
    pub fn new() -> Self {
        parlance_fetch::tls::install();
        let place = Self { folder: TempDir::with_prefix("parlance-").unwrap(), settings: Vec::new() };
        place
            .with("PARLANCE__GATEWAY__LISTEN", "127.0.0.1:0")
            .with("PARLANCE__GATEWAY__REALTIME_LISTEN", "127.0.0.1:0")
            .with("PARLANCE__GRPC__LISTEN", "127.0.0.1:0")
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlance"));
        command.env_remove("RUST_LOG").args(arguments).arg("--data-dir").arg(self.data());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Serves; returns once it listens.
    pub fn serve(&self) -> Server {
        self.serve_with(&["serve"])
    }

    pub fn serve_with(&self, arguments: &[&str]) -> Server {
        let out = std::fs::File::create(self.folder.path().join("stdout")).unwrap();
        let log = std::fs::File::create(self.folder.path().join("stderr")).unwrap();
        let listen = self.file("listen.json");
        let _ = std::fs::remove_file(&listen);
        let mut child = self.command(arguments).stdout(out).stderr(log).spawn().unwrap();
        let addresses = wait_for("the server listens", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("it ended with {status}: {}", read(&self.folder.path().join("stderr")));
            }
            serde_json::from_str(&std::fs::read_to_string(&listen).ok()?).ok()
        });
        Server { child, addresses, folder: self.folder.path().to_owned() }
    }
}

/// A serving process; killed when dropped.
pub struct Server {
    child: Child,
    addresses: Value,
    folder: PathBuf,
}

impl Server {
    pub fn address(&self, name: &str) -> String {
        self.addresses[name].as_str().unwrap_or_else(|| panic!("{name} is listened on")).to_owned()
    }

    pub fn url(&self, listener: &str, path: &str) -> String {
        format!("http://{}{path}", self.address(listener))
    }

    /// What it printed for people.
    pub fn stdout(&self) -> String {
        read(&self.folder.join("stdout"))
    }

    /// What it logged.
    pub fn log(&self) -> String {
        read(&self.folder.join("stderr"))
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub fn ended(&mut self) -> ExitStatus {
        wait_for("the server ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until there is an answer; fails after half a minute.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(TICK);
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
