//! A PostgreSQL server of a test's own, to be restarted and paused.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A server in a temporary folder; ended when dropped.
pub struct PostgresServer {
    programs: PathBuf,
    dir: TempDir,
    port: u16,
    durable: bool,
}

impl PostgresServer {
    /// Starts a server. `None`, and a note that the test is skipped, where PostgreSQL's programs are not
    /// installed.
    pub fn start() -> Option<Self> {
        Self::start_as(false)
    }

    /// One that waits for the disk at every commit, for measurements.
    pub fn start_durable() -> Option<Self> {
        Self::start_as(true)
    }

    fn start_as(durable: bool) -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped: PostgreSQL's initdb and pg_ctl are not installed");
            return None;
        };
        let dir = tempfile::tempdir().expect("a temporary directory");
        let server = Self { programs, dir, port: free_port(), durable };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(server.dir.path()));
        }
        let data = server.data();
        let init = ["-U", "parlance", "-A", "trust", "-E", "UTF8", "--no-sync", "-D"];
        run(server.program("initdb").args(init).arg(data));
        server.up();
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("postgres://parlance@127.0.0.1:{}/postgres", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts the server; returns when it answers.
    pub fn up(&self) {
        let dir = self.dir.path().display();
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={dir} -c max_connections=200 -c fsync={}",
            self.port,
            if self.durable { "on" } else { "off" }
        );
        let log = self.dir.path().join("log");
        run(self
            .program("pg_ctl")
            .args(["start", "-w", "-s", "-D"])
            .arg(self.data())
            .arg("-l")
            .arg(log)
            .args(["-o", &options]));
    }

    /// Stops the server, and ends its connections.
    pub fn down(&self) {
        run(self.program("pg_ctl").args(["stop", "-m", "fast", "-w", "-s", "-D"]).arg(self.data()));
    }

    /// Ends the server as a crash does: it recovers from its log at the next start.
    pub fn crash(&self) {
        run(self.program("pg_ctl").args(["stop", "-m", "immediate", "-w", "-s", "-D"]).arg(self.data()));
    }

    /// Has every process of the server stand still.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets them go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let Some(first) = self.first_process() else { return };
        // It makes the others, so it stops first.
        let kill = |pid: u32| Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status();
        let _ = kill(first);
        for child in children(first) {
            let _ = kill(child);
        }
    }

    fn first_process(&self) -> Option<u32> {
        let pid = Command::new("cat").arg(self.data().join("postmaster.pid")).output().ok()?;
        String::from_utf8_lossy(&pid.stdout).lines().next()?.trim().parse().ok()
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The programs refuse to run as root.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command.current_dir(self.dir.path());
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.resume();
        let stop = ["stop", "-m", "immediate", "-s", "-D"];
        let _ = self.program("pg_ctl").args(stop).arg(self.data()).output();
    }
}

fn programs() -> Option<PathBuf> {
    let complete = |folder: &Path| folder.join("initdb").exists() && folder.join("pg_ctl").exists();
    let named = Command::new("pg_config").arg("--bindir").output().ok();
    let named = named.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    named
        .into_iter()
        .chain(installed.map(|version| version.path().join("bin")))
        .find(|folder| complete(folder))
}

fn children(of: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // `pid (name) state parent …`, and the name may hold anything.
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
            parent == Some(of.to_string().as_str())
        })
        .collect()
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
