use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Names the server that tests share; each keeps to a prefix of its own.
const REDIS_URL: &str = "PARLANCE_TEST_REDIS_URL";
/// `1` = a test that lacks something fails instead of being skipped.
const REQUIRE_ALL: &str = "PARLANCE_TEST_REQUIRE_ALL";
/// The programs of Redis, or else of Valkey, which take the same arguments.
static SERVER: LazyLock<Option<&str>> = LazyLock::new(|| installed(["redis-server", "valkey-server"]));
static CLI: LazyLock<Option<&str>> = LazyLock::new(|| installed(["redis-cli", "valkey-cli"]));
/// Longest time that a server takes to start.
const START: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(20);

/// The URL of the Redis that tests share; `None`, and a note that the test is skipped, if none was named.
///
/// # Panics
/// Instead of a skip if `PARLANCE_TEST_REQUIRE_ALL` is `1`; so do all that skip a test here.
pub fn redis_url() -> Option<String> {
    let url = std::env::var(REDIS_URL).ok();
    if url.is_none() {
        skip(&format!("{REDIS_URL} is not set"));
    }
    url
}

/// Notes that a test is skipped.
fn skip(why: &str) {
    let required = std::env::var(REQUIRE_ALL).is_ok_and(|value| value == "1");
    assert!(!required, "{why}, and {REQUIRE_ALL} forbids to skip a test");
    println!("skipped: {why}");
}

/// The first of the programs that runs here.
fn installed(programs: [&'static str; 2]) -> Option<&'static str> {
    let runs = |program: &&str| {
        let asked =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    programs.into_iter().find(runs)
}

/// Runs the client of Redis, which whoever has a server has as well.
fn cli() -> Command {
    Command::new(CLI.expect("redis-cli or valkey-cli"))
}

/// A prefix for the keys of one test.
pub fn unique_prefix() -> String {
    format!("test:{}", uuid::Uuid::new_v4().simple())
}

/// A Redis server of a test's own, to be killed and paused. Ends when it is dropped.
pub struct RedisServer {
    host: String,
    port: u16,
    dir: TempDir,
    cluster: bool,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts one on a free port; `None`, and a note that the test is skipped, without a server's
    /// program (`redis-server` or `valkey-server`).
    pub fn start() -> Option<Self> {
        Self::start_as(false, "127.0.0.1")
    }

    /// The same on another address of this machine.
    pub fn start_on(host: &str) -> Option<Self> {
        Self::start_as(false, host)
    }

    fn start_as(cluster: bool, host: &str) -> Option<Self> {
        if SERVER.is_none() {
            skip("there is neither redis-server nor valkey-server");
            return None;
        }
        // Another process may take the port first.
        for _ in 0..5 {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let host = host.to_owned();
            let mut server = Self { host, port: free_port(), dir, cluster, process: None };
            if server.run() {
                return Some(server);
            }
        }
        panic!("redis-server does not start");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://{}:{}", self.host, self.port)
    }

    /// Ends it as a crash does; it has kept nothing.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // A paused process is killed as well.
            process.kill().expect("the server is killed");
            process.wait().expect("the server ends");
        }
    }

    /// Starts it again on the same port.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.run(), "redis-server does not start again");
    }

    /// Stops it in its tracks: it takes connections but answers nothing.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("the server runs");
        kill_process(Pid::from_child(process), signal).expect("the server takes the signal");
    }

    /// Runs it; whether it came to answer.
    fn run(&mut self) -> bool {
        let mut command = Command::new(SERVER.expect("a server's program"));
        command.args(["--port", &self.port.to_string(), "--bind", &self.host, "--save", ""]);
        command.args(["--protected-mode", "no"]);
        command.args(["--appendonly", "no", "--daemonize", "no", "--dir"]).arg(self.dir.path());
        if self.cluster {
            command.args(["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]);
        }
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = self.process.insert(process.expect("redis-server runs"));
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            if process.try_wait().expect("the server's state").is_some() {
                return false;
            }
            if answers(&self.host, self.port) {
                return true;
            }
            std::thread::sleep(STEP);
        }
        false
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A cluster.
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Three masters, ready; `None`, and a note that the test is skipped, without a server's
    /// program.
    pub fn start() -> Option<Self> {
        Self::start_with_replicas(0)
    }

    /// Three masters, then for each of them so many replicas, ready to take its place.
    pub fn start_with_replicas(replicas: usize) -> Option<Self> {
        let nodes: Vec<_> = (0..3 * (1 + replicas))
            .map(|_| RedisServer::start_as(true, "127.0.0.1"))
            .collect::<Option<_>>()?;
        let mut create = cli();
        create.args(["--cluster", "create"]);
        create.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())));
        create.args(["--cluster-replicas", &replicas.to_string()]);
        let made = create.arg("--cluster-yes").output().expect("redis-cli runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        let cluster = Self { nodes };
        let deadline = Instant::now() + START;
        while !cluster.is_ready() {
            assert!(Instant::now() < deadline, "the cluster does not become ready");
            std::thread::sleep(STEP);
        }
        Some(cluster)
    }

    /// All nodes, with commas.
    pub fn url(&self) -> String {
        self.nodes.iter().map(RedisServer::url).collect::<Vec<_>>().join(",")
    }

    pub fn nodes(&mut self) -> &mut [RedisServer] {
        &mut self.nodes
    }

    /// Moves slots of the first node to the second one.
    pub fn move_slots(&self, count: u32) {
        let id = |node: &RedisServer| ask(node, &["cluster", "myid"]).trim().to_owned();
        let mut reshard = cli();
        reshard.args(["--cluster", "reshard", &format!("127.0.0.1:{}", self.nodes[0].port())]);
        reshard.args(["--cluster-from", &id(&self.nodes[0]), "--cluster-to", &id(&self.nodes[1])]);
        reshard.args(["--cluster-slots", &count.to_string(), "--cluster-yes"]);
        let moved = reshard.output().expect("redis-cli runs");
        assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stdout));
    }

    fn is_ready(&self) -> bool {
        self.nodes.iter().all(|node| {
            ask(node, &["cluster", "info"]).contains("cluster_state:ok")
                && !ask(node, &["info", "replication"]).contains("master_link_status:down")
        })
    }
}

/// What a node answers to a command.
fn ask(node: &RedisServer, words: &[&str]) -> String {
    let asked = cli().args(["-p", &node.port().to_string()]).args(words).output();
    String::from_utf8_lossy(&asked.expect("redis-cli runs").stdout).into_owned()
}

/// A port that is free now. Those of clusters need another one 10,000 above.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        if port < 50_000 {
            return port;
        }
    }
}

fn answers(host: &str, port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((host, port)) else { return false };
    let mut answer = [0; 5];
    stream.set_read_timeout(Some(Duration::from_secs(1))).is_ok()
        && stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer == *b"+PONG"
}
