//! Publishing: one lane per server, so that order holds and one slow server delays no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use parlance_core::{Error, Result};
use parlance_redis::{Cmd, Node, Redis, answer, cmd};
use tokio::sync::{mpsc, oneshot};

use super::codec::{Names, encode};
use crate::{Message, Topic};

/// Longest time that a call takes.
const PATIENCE: Duration = Duration::from_secs(1);
/// Calls that may wait for one server.
const WAITING: usize = 4096;
/// Messages sent together.
const BATCH: usize = 256;

type Messages = Vec<(Topic, Message)>;

/// Numbers messages and hands them to the lanes.
pub(super) struct Sender {
    redis: Redis,
    shared: Arc<Shared>,
    lanes: Mutex<HashMap<String, mpsc::Sender<Call>>>,
}

struct Shared {
    names: Names,
    publisher: u64,
    /// The last number given on each topic.
    numbers: Mutex<HashMap<Topic, u64>>,
}

/// What one call of `publish` sends through one lane.
struct Call {
    messages: Messages,
    done: oneshot::Sender<Result<()>>,
}

impl Sender {
    pub(super) fn new(redis: Redis, names: Names, publisher: u64) -> Self {
        let shared = Arc::new(Shared { names, publisher, numbers: Mutex::default() });
        Self { redis, shared, lanes: Mutex::default() }
    }

    pub(super) async fn publish(&self, messages: Messages) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let handed = tokio::time::timeout(PATIENCE, self.hand_over(messages)).await;
        handed.unwrap_or_else(|_| Err(Error::unavailable("Redis is too slow")))
    }

    async fn hand_over(&self, messages: Messages) -> Result<()> {
        let mut by_node: Vec<(Arc<Node>, Messages)> = Vec::new();
        for (topic, message) in messages {
            let node = self.redis.node(&self.shared.names.of(topic)).await?;
            match by_node.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &node)) {
                Some((_, messages)) => messages.push((topic, message)),
                None => by_node.push((node, vec![(topic, message)])),
            }
        }
        let mut waiting = Vec::with_capacity(by_node.len());
        let mut outcome = Ok(());
        for (node, messages) in by_node {
            let (done, waited) = oneshot::channel();
            match self.lane(&node).try_send(Call { messages, done }) {
                Ok(()) => waiting.push(waited),
                Err(_) => outcome = Err(Error::unavailable("too much waits for Redis")),
            }
        }
        for waited in waiting {
            let done = waited.await.unwrap_or_else(|_| Err(Error::unavailable("the bus has ended")));
            outcome = outcome.and(done);
        }
        outcome
    }

    fn lane(&self, node: &Arc<Node>) -> mpsc::Sender<Call> {
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.get(node.address()) {
            return lane.clone();
        }
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(run(self.redis.clone(), node.clone(), self.shared.clone(), receiver));
        lanes.insert(node.address().to_owned(), sender.clone());
        sender
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("redis", &self.redis).finish_non_exhaustive()
    }
}

/// Sends what waits, one batch after the other: a batch is not begun before the last one is answered
/// or lost, so nothing is overtaken.
async fn run(redis: Redis, node: Arc<Node>, shared: Arc<Shared>, mut calls: mpsc::Receiver<Call>) {
    let mut batch = Vec::new();
    while calls.recv_many(&mut batch, BATCH).await > 0 {
        let mut commands = Vec::new();
        let mut parts = Vec::with_capacity(batch.len());
        let mut bytes = 0;
        for Call { messages, done } in batch.drain(..) {
            parts.push((messages.len(), done));
            commands.extend(messages.into_iter().map(|(topic, message)| {
                let (command, size) = shared.command(topic, message);
                bytes += size;
                command
            }));
        }
        let mut answers = match redis.run_on(&node, &commands).await {
            Ok(answers) => Ok(answers.into_iter().map(answer::<i64>)),
            Err(error) => Err(error),
        };
        metrics::counter!("parlance_bus_published_bytes_total").increment(bytes);
        for (length, done) in parts {
            let outcome = match &mut answers {
                Ok(answers) => {
                    // All of the part, whatever fails: the next part's answers follow.
                    let part: Vec<Result<i64>> = answers.by_ref().take(length).collect();
                    part.into_iter().try_for_each(|one| one.map(drop))
                }
                Err(error) => Err(error.clone()),
            };
            // The caller may have left.
            let _ = done.send(outcome);
        }
    }
}

impl Shared {
    /// Numbered when it is sent: what is lost on its way leaves a hole that listeners see.
    fn command(&self, topic: Topic, message: Message) -> (Cmd, u64) {
        let sequence = {
            let mut numbers = self.numbers.lock();
            let last = numbers.entry(topic).or_default();
            *last += 1;
            *last
        };
        let bytes = encode(&message, self.publisher, sequence);
        let mut command = cmd("SPUBLISH");
        command.arg(self.names.of(topic)).arg(bytes.as_slice());
        (command, bytes.len() as u64)
    }
}
