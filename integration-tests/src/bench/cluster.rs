//! Separate processes under test, with a PostgreSQL (durable) and a Redis of their own.

use anyhow::Context as _;
use parlance_testkit::{PostgresServer, RedisServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::server::{Metrics, Server};
use crate::harness::Options;

/// The processes and what they share. Dropped in this order.
pub struct Cluster {
    pub server: Server,
    redis: RedisServer,
    _postgres: PostgresServer,
}

impl Cluster {
    pub async fn start(message: usize, gateway: usize) -> anyhow::Result<Self> {
        let postgres = PostgresServer::start_durable().context("PostgreSQL is not installed")?;
        let redis = RedisServer::start().context("Redis is not installed")?;
        let options = Options::new()
            .distributed()
            .with_replicas("message", message)
            .with_replicas("gateway", gateway)
            .with("log.level", "warn")
            .with("database.max_connections", 16)
            .on_servers(&postgres.url(), &redis.url());
        Ok(Self { server: Server::of(options).await, redis, _postgres: postgres })
    }

    /// Counters of all processes, and of Redis.
    pub async fn counters(&self) -> anyhow::Result<(Metrics, RedisCounters)> {
        Ok((self.server.metrics().await?, RedisCounters::now(self.redis.port()).await?))
    }
}

/// What Redis has done since its start.
#[derive(Debug, Clone, Copy)]
pub struct RedisCounters {
    pub commands: f64,
    /// Bytes that came in and that went out.
    pub bytes: f64,
}

impl RedisCounters {
    async fn now(port: u16) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"INFO stats\r\nQUIT\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim_start_matches(':').trim().parse::<f64>().ok())
                .with_context(|| format!("Redis tells no {name}"))
        };
        Ok(Self {
            commands: value("total_commands_processed")?,
            bytes: value("total_net_input_bytes")? + value("total_net_output_bytes")?,
        })
    }
}
