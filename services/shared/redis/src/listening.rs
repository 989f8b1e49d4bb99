//! A connection on which a server pushes what is published.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use parlance_core::{Error, Result};
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Pipeline, ProtocolVersion, PushInfo, PushKind, Value, cmd};

use crate::node::{Node, away, connect};

/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(2);

/// What arrives while listening.
#[derive(Debug, PartialEq, Eq)]
pub enum Push {
    /// Published on a topic.
    Message { topic: String, payload: Vec<u8> },
    /// The connection is gone, or a topic that was not left has been taken away (it moved to another
    /// node): start anew.
    Lost,
}

/// Hears sharded topics (`SSUBSCRIBE`) of one server; a cluster holds each topic on one of its nodes.
/// Dropped = closed.
pub struct Listening {
    connection: MultiplexedConnection,
    leaving: Arc<Mutex<HashSet<Vec<u8>>>>,
}

impl Node {
    /// A connection of its own on which nothing is heard yet. `hear` is called from the task that reads
    /// the connection and must not wait.
    pub async fn listen(&self, hear: impl Fn(Push) + Send + Sync + 'static) -> Result<Listening> {
        let leaving = Arc::<Mutex<HashSet<Vec<u8>>>>::default();
        let left = leaving.clone();
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER)).set_push_sender(
            move |push: PushInfo| {
                hear_one(&hear, &left, push);
                Ok::<_, std::convert::Infallible>(())
            },
        );
        let settings = self.info().redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let info = self.info().clone().set_redis_settings(settings);
        Ok(Listening { connection: connect(&info, config).await?, leaving })
    }
}

fn hear_one(hear: &impl Fn(Push), left: &Mutex<HashSet<Vec<u8>>>, push: PushInfo) {
    let mut data = push.data.into_iter();
    match (push.kind, data.next(), data.next()) {
        (PushKind::SMessage, Some(Value::BulkString(topic)), Some(Value::BulkString(payload))) => {
            if let Ok(topic) = String::from_utf8(topic) {
                hear(Push::Message { topic, payload });
            }
        }
        (PushKind::SUnsubscribe, Some(Value::BulkString(topic)), _) if !left.lock().remove(&topic) => {
            hear(Push::Lost);
        }
        (PushKind::Disconnection, ..) => hear(Push::Lost),
        _ => {}
    }
}

impl Listening {
    /// Returns once the server has confirmed all topics.
    pub async fn subscribe(&mut self, topics: &[String]) -> Result<()> {
        self.exchange("SSUBSCRIBE", topics).await
    }

    pub async fn unsubscribe(&mut self, topics: &[String]) -> Result<()> {
        self.leaving.lock().extend(topics.iter().map(|topic| topic.as_bytes().to_vec()));
        self.exchange("SUNSUBSCRIBE", topics).await
    }

    /// Whether the server still answers on this connection.
    pub async fn ping(&mut self) -> Result<()> {
        let mut ping = Pipeline::new();
        ping.add_command(cmd("PING"));
        self.send(&ping).await
    }

    /// One command a topic: those of a cluster's node need not share a slot.
    async fn exchange(&mut self, verb: &str, topics: &[String]) -> Result<()> {
        let mut commands = Pipeline::with_capacity(topics.len());
        for topic in topics {
            let mut one = cmd(verb);
            one.arg(topic);
            commands.add_command(one);
        }
        self.send(&commands).await
    }

    async fn send(&mut self, commands: &Pipeline) -> Result<()> {
        let answers = self.connection.req_packed_commands(commands, 0, commands.len()).await;
        for answer in answers.map_err(|error| away(&error))? {
            if let Value::ServerError(refusal) = answer {
                return Err(Error::unavailable(format!("Redis refuses a topic ({})", refusal.code())));
            }
        }
        Ok(())
    }
}
