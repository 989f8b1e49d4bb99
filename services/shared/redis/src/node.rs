//! One server, and the one connection over which all commands go.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use parlance_core::{Error, Result};
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, Pipeline, RedisError, Value};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::backoff::backoff;

/// Longest wait for a connection that is ready to be used.
const CONNECT: Duration = Duration::from_millis(800);
/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_millis(500);
/// A connection on which nothing was answered for this long is given up: what is at its other end may
/// be paused, or cut off without having said so.
const SILENCE: Duration = Duration::from_millis(800);

/// One server. Connects when it is first asked and again after each loss; says at once that it is away
/// from the first attempt that failed to the first that succeeds.
pub struct Node {
    address: String,
    info: ConnectionInfo,
    state: Mutex<State>,
}

enum State {
    /// Nobody has asked yet.
    Idle,
    /// On its way; the sender goes when the first attempt has ended. `failed` = it has, and others follow.
    Opening {
        first: watch::Receiver<()>,
        failed: bool,
    },
    Open(Open),
}

struct Open {
    connection: MultiplexedConnection,
    number: u64,
    /// When the first of the commands was sent that nobody waits for any longer, with no answer to
    /// anything since.
    unanswered_since: Option<Instant>,
}

/// Watches over one exchange: one that ends without an answer counts against the connection.
struct Exchange<'a> {
    node: &'a Arc<Node>,
    number: u64,
    sent_at: Instant,
    answered: bool,
}

impl Node {
    pub(crate) fn new(info: ConnectionInfo) -> Self {
        let address = match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                format!("{host}:{port}")
            }
            other => other.to_string(),
        };
        let state = Mutex::new(State::Idle);
        Self { address, info, state }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// Sends commands together and gives the answers in their order; an answer may be an error of the
    /// server ([`Value::ServerError`]). Waits at most half a second once connected.
    pub async fn send(self: &Arc<Self>, commands: &Pipeline) -> Result<Vec<Value>> {
        let (mut connection, number) = self.connection().await?;
        let mut exchange = Exchange { node: self, number, sent_at: Instant::now(), answered: false };
        let count = commands.len();
        match tokio::time::timeout(ANSWER, connection.req_packed_commands(commands, 0, count)).await {
            Ok(Ok(answers)) => {
                exchange.answered();
                Ok(answers)
            }
            Ok(Err(error)) => {
                exchange.answered = true;
                self.close(number);
                Err(away(&error))
            }
            Err(_) => Err(Error::unavailable("Redis does not answer")),
        }
    }

    /// The connection and its number. Waits for a first attempt to open it, not for later ones.
    async fn connection(self: &Arc<Self>) -> Result<(MultiplexedConnection, u64)> {
        loop {
            let mut first = {
                let mut state = self.state.lock();
                match &*state {
                    State::Open(open) => return Ok((open.connection.clone(), open.number)),
                    State::Opening { failed: true, .. } => return Err(Error::unavailable("Redis is away")),
                    State::Opening { first, .. } => first.clone(),
                    State::Idle => self.start_opening(&mut state),
                }
            };
            let _ = first.changed().await;
        }
    }

    /// In a task of its own: whoever waits for it may leave.
    fn start_opening(self: &Arc<Self>, state: &mut State) -> watch::Receiver<()> {
        let (ended, first) = watch::channel(());
        // A question that is dropped may be dropped anywhere.
        *state = match Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(open(Arc::downgrade(self), self.info.clone(), ended));
                State::Opening { first: first.clone(), failed: false }
            }
            Err(_) => State::Idle,
        };
        first
    }

    fn close(self: &Arc<Self>, number: u64) {
        let mut state = self.state.lock();
        if matches!(&*state, State::Open(open) if open.number == number) {
            self.start_opening(&mut state);
        }
    }
}

/// Tries until a connection is open or nobody wants it any longer.
async fn open(node: Weak<Node>, info: ConnectionInfo, ended: watch::Sender<()>) {
    let mut ended = Some(ended);
    let mut failures = 0;
    loop {
        let connection = connect(&info, AsyncConnectionConfig::new().set_response_timeout(None)).await;
        let Some(node) = node.upgrade() else { return };
        match connection {
            Ok(connection) => {
                let number = rand::random();
                *node.state.lock() = State::Open(Open { connection, number, unanswered_since: None });
                return;
            }
            Err(error) => {
                if let Some(ended) = ended.take() {
                    tracing::warn!(address = node.address, %error, "Redis is away");
                    *node.state.lock() = State::Opening { first: ended.subscribe(), failed: true };
                }
            }
        }
        drop(node);
        failures += 1;
        tokio::time::sleep(backoff(failures)).await;
    }
}

impl Exchange<'_> {
    fn answered(&mut self) {
        self.answered = true;
        if let State::Open(open) = &mut *self.node.state.lock() {
            open.unanswered_since = None;
        }
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        let dead = match &mut *self.node.state.lock() {
            State::Open(open) if open.number == self.number => {
                open.unanswered_since.get_or_insert(self.sent_at).elapsed() >= SILENCE
            }
            _ => false,
        };
        if dead {
            self.node.close(self.number);
        }
    }
}

/// A connection that is ready, within [`CONNECT`].
pub(crate) async fn connect(
    info: &ConnectionInfo,
    config: AsyncConnectionConfig,
) -> Result<MultiplexedConnection> {
    let client = Client::open(info.clone()).map_err(|error| away(&error))?;
    let config = config.set_connection_timeout(Some(CONNECT));
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    match tokio::time::timeout(CONNECT, connecting).await {
        Ok(connection) => connection.map_err(|error| away(&error)),
        Err(_) => Err(Error::unavailable("Redis takes no connection")),
    }
}

/// The cause's category, without details: they may hold what was sent.
pub(crate) fn away(error: &RedisError) -> Error {
    Error::unavailable(format!("Redis is away ({})", error.code().unwrap_or_else(|| error.category())))
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("address", &self.address).finish_non_exhaustive()
    }
}
