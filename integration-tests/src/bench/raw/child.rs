use std::process::Stdio;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};

/// What the baseline is to write.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Bytes of a frame, head included.
    pub frame_bytes: usize,
    /// Frames per write.
    pub batch: usize,
    /// Rounds per second; `None` = as fast as the sockets take it.
    pub per_second: Option<u32>,
    pub millis: u64,
}

/// The process that writes; ends when dropped.
#[derive(Debug)]
pub struct Child {
    child: tokio::process::Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// Where it accepts, as `host:port`.
    pub address: String,
}

impl Child {
    pub async fn start(sockets: usize) -> anyhow::Result<Self> {
        // Also when the file has been replaced by a new build meanwhile.
        let mut child = Command::new("/proc/self/exe")
            .args(["raw-server", &sockets.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("start the baseline")?;
        let orders = child.stdin.take().context("the baseline has an input")?;
        let output = child.stdout.take().context("the baseline has an output")?;
        let mut answers = BufReader::new(output).lines();
        let port = answers.next_line().await?.context("the baseline says its port")?;
        Ok(Self { child, orders, answers, address: format!("127.0.0.1:{port}") })
    }

    /// Waits until all connections are accepted.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        self.answer().await.map(drop)
    }

    /// Runs an order to its end; the number of writes.
    pub async fn run(&mut self, order: &Order) -> anyhow::Result<u64> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.orders.write_all(&line).await?;
        self.answer().await?.parse().context("the baseline counts its writes")
    }

    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the baseline runs")
    }

    async fn answer(&mut self) -> anyhow::Result<String> {
        self.answers.next_line().await?.context("the baseline has ended")
    }
}
