//! A gateway cut off from everything by its network.

use std::process::Command;
use std::time::{Duration, Instant};

use parlance_testkit::{PostgresServer, RedisServer};

use super::{Scene, is_wanted};

const CUT_OFF_FOR: Duration = Duration::from_secs(15);

/// A network namespace behind a pair of interfaces; gone when dropped.
struct Namespace {
    name: String,
    outside: String,
    /// The machine's address, as seen from within.
    host: String,
}

impl Namespace {
    /// `None`, and a note, where this is not permitted.
    fn new() -> Option<Self> {
        let net = format!("10.{}.{}", 100 + std::process::id() % 100, std::process::id() / 100 % 250);
        let (name, outside) = (format!("it-{net}.2"), format!("it{}", std::process::id() % 100_000));
        let made = Self { name: name.clone(), outside: outside.clone(), host: format!("{net}.1") };
        let steps = [
            format!("netns add {name}"),
            format!("link add {outside} type veth peer name inside netns {name}"),
            format!("addr add {net}.1/24 dev {outside}"),
            format!("link set {outside} up"),
            format!("-n {name} addr add {net}.2/24 dev inside"),
            format!("-n {name} link set inside up"),
            format!("-n {name} link set lo up"),
        ];
        for step in steps {
            if !ip(&step) {
                println!("skipped: network namespaces cannot be made here (ip {step})");
                return None;
            }
        }
        Some(made)
    }

    /// On its side: on ours the route would go as well, and what is for the gateway would go elsewhere.
    fn cut(&self) {
        assert!(ip(&format!("-n {} link set inside down", self.name)));
    }

    fn heal(&self) {
        assert!(ip(&format!("-n {} link set inside up", self.name)));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        ip(&format!("link del {}", self.outside));
        ip(&format!("netns del {}", self.name));
    }
}

fn ip(arguments: &str) -> bool {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

/// The other gateway serves on; clients of the cut one notice the silence and move. When it is back it
/// reads what it has missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_cut_off_by_its_network_catches_up() {
    if !is_wanted() {
        return;
    }
    let Some(namespace) = Namespace::new() else { return };
    let host = namespace.host.clone();
    let start = || (PostgresServer::start(), RedisServer::start_on(&host));
    let (Some(postgres), Some(redis)) = tokio::task::block_in_place(start) else { return };
    let options = Scene::options()
        .on_host(&host)
        .in_namespace("gateway", 1, &namespace.name)
        .on_servers(&postgres.url(), &redis.url());
    let scene = Scene::start(options).await;
    namespace.cut();
    scene.pass(CUT_OFF_FOR).await;
    namespace.heal();
    let row = scene.judge("a gateway cut off for 15 s", Instant::now()).await;
    row.forgive_unanswered().assert_good();
}
