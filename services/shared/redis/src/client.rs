use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use parlance_core::{Error, Result};
use redis::{
    Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline, RedisError, ServerErrorKind,
    Value, cmd, from_redis_value,
};
use tokio::sync::OnceCell;

use crate::node::{Node, away};
use crate::script::Script;
use crate::settings::Settings;
use crate::slots::{Slots, slot};

/// Least time between two looks at the map of a cluster.
const REFRESH: Duration = Duration::from_millis(100);

/// A Redis or Valkey server, or a cluster of them. Cloning is cheap and shares the connections.
#[derive(Debug, Clone)]
pub struct Redis(Arc<Shared>);

struct Shared {
    prefix: String,
    /// Whether it is a cluster, once that is known.
    cluster: OnceCell<bool>,
    /// The nodes that were named; credentials and TLS of the first hold for all.
    named: Vec<Arc<Node>>,
    /// Every node met so far, by address.
    nodes: Mutex<HashMap<String, Arc<Node>>>,
    slots: RwLock<Option<Arc<Slots>>>,
    refreshed: tokio::sync::Mutex<Option<Instant>>,
}

impl Redis {
    /// Connects when it is first used: Redis may come later.
    ///
    /// # Errors
    /// Invalid argument if the URL or the prefix is none.
    pub fn open(settings: &Settings) -> Result<Self> {
        let (infos, cluster) = settings.nodes()?;
        let cluster = OnceCell::new_with(cluster);
        let prefix = settings.checked_prefix()?.to_owned();
        let named: Vec<_> = infos.into_iter().map(|info| Arc::new(Node::new(info))).collect();
        let nodes = named.iter().map(|node| (node.address().to_owned(), node.clone())).collect();
        let (slots, refreshed) = (RwLock::default(), tokio::sync::Mutex::default());
        Ok(Self(Arc::new(Shared { prefix, cluster, named, nodes: Mutex::new(nodes), slots, refreshed })))
    }

    /// What keys and topics begin with.
    pub fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// The server that holds a key or topic now.
    pub async fn node(&self, key: &str) -> Result<Arc<Node>> {
        if !self.find_out().await? {
            return Ok(self.0.named[0].clone());
        }
        let slot = slot(key);
        let known = self.0.slots.read().clone();
        let slots = match known {
            Some(slots) => slots,
            None => self.refresh().await?,
        };
        match slots.owner(slot) {
            Some(address) => Ok(self.node_at(address)),
            None => {
                self.refresh_soon();
                Err(Error::unavailable("no node of the Redis cluster holds this"))
            }
        }
    }

    /// Looks at the map of the cluster again; nothing to do for a single server.
    pub async fn relocate(&self) -> Result<()> {
        if self.is_cluster() { self.refresh().await.map(drop) } else { Ok(()) }
    }

    /// Whether this is a cluster; a node named alone is asked once. One that may not say is a server.
    async fn find_out(&self) -> Result<bool> {
        let asked = self.0.cluster.get_or_try_init(|| async {
            let mut ask = cmd("INFO");
            ask.arg("cluster");
            let answers = self.0.named[0].send(&pipeline(&[ask])).await?;
            let told = answers.into_iter().next().and_then(|told| from_redis_value::<String>(told).ok());
            Ok(told.is_some_and(|told| told.lines().any(|line| line.trim_end() == "cluster_enabled:1")))
        });
        asked.await.copied()
    }

    fn is_cluster(&self) -> bool {
        self.0.cluster.get().is_some_and(|cluster| *cluster)
    }

    /// Sends commands about keys of one node, that of `key`; the answers in their order. An answer may
    /// be an error of the server: see [`answer`]. What has moved to another node is sent there.
    pub async fn run(&self, key: &str, commands: &[Cmd]) -> Result<Vec<Value>> {
        let node = self.node(key).await?;
        self.run_on(&node, commands).await
    }

    /// As [`Self::run`], to a node found before.
    pub async fn run_on(&self, node: &Arc<Node>, commands: &[Cmd]) -> Result<Vec<Value>> {
        let sent = node.send(&pipeline(commands)).await;
        if sent.is_err() && self.is_cluster() {
            // It may be gone for good.
            self.refresh_soon();
        }
        let mut answers = sent?;
        if self.is_cluster() {
            for (answer, command) in answers.iter_mut().zip(commands) {
                if let Some(redirect) = Redirect::of(answer) {
                    *answer = self.follow(node, redirect, command).await?;
                }
            }
        }
        Ok(answers)
    }

    /// Runs a script whose keys all lie in the slot of the first.
    pub async fn script<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        args: &[impl redis::ToRedisArgs],
    ) -> Result<T> {
        let call = |verb, what: &str| {
            let mut call = cmd(verb);
            call.arg(what).arg(keys.len()).arg(keys);
            for arg in args {
                call.arg(arg);
            }
            [call]
        };
        let key = keys.first().copied().unwrap_or_default();
        let mut answers = self.run(key, &call("EVALSHA", &script.hash)).await?;
        if matches!(answers.first(), Some(Value::ServerError(error)) if error.kind() == Some(ServerErrorKind::NoScript))
        {
            answers = self.run(key, &call("EVAL", script.text)).await?;
        }
        answer(answers.pop().unwrap_or(Value::Nil))
    }

    async fn follow(&self, from: &Node, redirect: Redirect, command: &Cmd) -> Result<Value> {
        let target = self.node_at(&redirect.address(from));
        let mut commands = vec![command.clone()];
        if redirect.ask {
            commands.insert(0, cmd("ASKING"));
        } else {
            self.refresh_soon();
        }
        Ok(target.send(&pipeline(&commands)).await?.pop().unwrap_or(Value::Nil))
    }

    fn node_at(&self, address: &str) -> Arc<Node> {
        let mut nodes = self.0.nodes.lock();
        let make = || Arc::new(Node::new(at(self.0.named[0].info(), address)));
        nodes.entry(address.to_owned()).or_insert_with(make).clone()
    }

    fn refresh_soon(&self) {
        let redis = self.clone();
        tokio::spawn(async move { redis.refresh().await.map(drop) });
    }

    /// Asks one node after the other for the map of the cluster.
    async fn refresh(&self) -> Result<Arc<Slots>> {
        let mut refreshed = self.0.refreshed.lock().await;
        if refreshed.is_some_and(|at| at.elapsed() < REFRESH)
            && let Some(slots) = self.0.slots.read().clone()
        {
            return Ok(slots);
        }
        let met: Vec<Arc<Node>> = self.0.nodes.lock().values().cloned().collect();
        for node in met.iter().chain(&self.0.named) {
            let mut ask = cmd("CLUSTER");
            ask.arg("SLOTS");
            let Ok(answers) = node.send(&pipeline(&[ask])).await else { continue };
            let (host, _) = host_and_port(node.address());
            if let Some(slots) = answers.first().and_then(|answer| Slots::parse(answer, host)) {
                let slots = Arc::new(slots);
                self.0.nodes.lock().retain(|address, _| slots.addresses().any(|one| one == address));
                *self.0.slots.write() = Some(slots.clone());
                *refreshed = Some(Instant::now());
                return Ok(slots);
            }
        }
        Err(Error::unavailable("no node of the Redis cluster answers"))
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("prefix", &self.prefix)
            .field("nodes", &self.named)
            .finish_non_exhaustive()
    }
}

/// Where a cluster says that a key is.
struct Redirect {
    /// For this one command, while the slot is on its way.
    ask: bool,
    address: String,
}

impl Redirect {
    fn of(answer: &Value) -> Option<Self> {
        let Value::ServerError(error) = answer else { return None };
        let ask = match error.kind()? {
            ServerErrorKind::Ask => true,
            ServerErrorKind::Moved => false,
            _ => return None,
        };
        let address = error.details()?.split_ascii_whitespace().nth(1)?.to_owned();
        Some(Self { ask, address })
    }

    /// Without a host it is that of the node that answered.
    fn address(&self, from: &Node) -> String {
        match host_and_port(&self.address) {
            ("", port) => format!("{}:{port}", host_and_port(from.address()).0),
            _ => self.address.clone(),
        }
    }
}

/// Takes an answer for what it should be. What the server refuses because of its own state (loading,
/// read-only, full, failing over) is "unavailable"; what it refuses because we asked wrongly is ours.
pub fn answer<T: FromRedisValue>(value: Value) -> Result<T> {
    match value {
        Value::ServerError(error) => {
            let error = RedisError::from(error);
            match error.kind() {
                ErrorKind::Server(ServerErrorKind::ResponseError | ServerErrorKind::NoSub) => {
                    Err(Error::internal(error))
                }
                _ => Err(away(&error)),
            }
        }
        value => from_redis_value(value).map_err(Error::internal),
    }
}

fn pipeline(commands: &[Cmd]) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for command in commands {
        pipeline.add_command(command.clone());
    }
    pipeline
}

/// As `info`, at another address.
fn at(info: &ConnectionInfo, address: &str) -> ConnectionInfo {
    let (host, port) = host_and_port(address);
    let (host, port) = (host.to_owned(), port.parse().unwrap_or(6379));
    let addr = match info.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    info.clone().set_addr(addr)
}

fn host_and_port(address: &str) -> (&str, &str) {
    address.rsplit_once(':').unwrap_or((address, ""))
}
