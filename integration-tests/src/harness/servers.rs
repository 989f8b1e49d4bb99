//! A PostgreSQL and a Redis of a test's own, to be killed, paused and restarted. Their programs come
//! with the packages `postgresql` and `redis-server` (scripts/test installs both).

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::ports;
use super::process::signal;

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A server process on loopback; killed when dropped, its data removed.
pub struct Server {
    program: PathBuf,
    arguments: Vec<String>,
    /// The PostgreSQL programs refuse to run as root.
    user: Option<(u32, u32)>,
    port: u16,
    child: Option<Child>,
    folder: TempDir,
}

impl Server {
    /// A PostgreSQL that keeps what it confirms, as in production.
    pub fn postgres() -> Self {
        let folder = world_readable();
        let user = as_nobody_special("postgres");
        let (data, port) = (folder.path().join("data"), ports::free());
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let bin = postgres_programs();
        let mut init = Command::new(bin.join("initdb"));
        init.arg("-D").arg(&data).args(["-U", "parlance", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        run_as(&mut init, user, folder.path());
        let output = init.output().expect("initdb runs");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let arguments = [
            "-D",
            &data.display().to_string(),
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            &format!("unix_socket_directories={}", folder.path().display()),
            "-c",
            "max_connections=200",
        ];
        let arguments = arguments.map(str::to_owned).to_vec();
        let mut server = Self { program: bin.join("postgres"), arguments, user, port, child: None, folder };
        server.start();
        server
    }

    /// A Redis that keeps nothing, listening on `bind` (loopback, or every address).
    pub fn redis_on(bind: &str) -> Self {
        let folder = world_readable();
        let port = ports::free();
        let program = ["redis-server", "valkey-server"].iter().find_map(|name| on_path(name));
        let program = program.expect("redis-server or valkey-server is installed");
        let arguments = ["--bind", bind, "--port", &port.to_string(), "--save", "", "--appendonly", "no"];
        let mut arguments = arguments.map(str::to_owned).to_vec();
        arguments.extend(["--protected-mode", "no", "--dir"].map(str::to_owned));
        arguments.push(folder.path().display().to_string());
        let mut server = Self { program, arguments, user: None, port, child: None, folder };
        server.start();
        server
    }

    pub fn redis() -> Self {
        Self::redis_on("127.0.0.1")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// URL of a PostgreSQL.
    pub fn postgres_url(&self) -> String {
        format!("postgres://parlance@127.0.0.1:{}/postgres", self.port)
    }

    /// URL of a Redis.
    pub fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// SIGKILL for the server and what it has started, and another start on the same data.
    pub fn restart(&mut self) {
        self.kill();
        self.start();
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            self.signal_all(child.id(), "KILL");
            let _ = child.wait();
        }
    }

    /// SIGSTOP: connections stay, nothing is answered.
    pub fn pause(&self) {
        self.signal_all(self.child.as_ref().expect("running").id(), "STOP");
    }

    pub fn resume(&self) {
        self.signal_all(self.child.as_ref().expect("running").id(), "CONT");
    }

    /// To the process and its children (PostgreSQL has one for each connection).
    fn signal_all(&self, pid: u32, name: &str) {
        for child in children(pid) {
            signal(child, name);
        }
        signal(pid, name);
    }

    pub fn start(&mut self) {
        assert!(self.child.is_none(), "still running");
        // A killed PostgreSQL leaves the file of its process id; a number that is in use again would mislead it.
        let _ = std::fs::remove_file(self.folder.path().join("data/postmaster.pid"));
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.expect("the log can be opened");
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle of the log")).stderr(log);
        run_as(&mut command, self.user, self.folder.path());
        self.child = Some(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
        let started = Instant::now();
        while !self.answers() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(started.elapsed() < START_TIMEOUT, "{} does not start: {log}", self.program.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn answers(&self) -> bool {
        if self.program.ends_with("postgres") {
            let mut ask = Command::new("psql");
            ask.args(["-q", "-d", &self.postgres_url(), "-c", "SELECT 1"]).stdin(Stdio::null());
            return ask.output().is_ok_and(|output| output.status.success());
        }
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn world_readable() -> TempDir {
    let folder = TempDir::with_prefix("parlance-server-").unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn run_as(command: &mut Command, user: Option<(u32, u32)>, folder: &Path) {
    command.current_dir(folder);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
}

/// Ids of a user to run as, if we are root.
fn as_nobody_special(name: &str) -> Option<(u32, u32)> {
    let id = |kind: &str, who: &[&str]| {
        let output = Command::new("id").arg(kind).args(who).output().expect("id runs");
        String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
    };
    if id("-u", &[]) != Some(0) {
        return None;
    }
    Some((id("-u", &[name])?, id("-g", &[name])?))
}

fn postgres_programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let found = folders.filter(|folder| folder.join("initdb").is_file()).max();
    found.or_else(|| on_path("initdb")?.parent().map(Path::to_owned)).expect("PostgreSQL is installed")
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn children(pid: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}
