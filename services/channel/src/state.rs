use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use parlance_bus::{Bus, Message, Topic};
use parlance_core::{Clock, Error, Micros, NumGenerator, Reason, Result};
use parlance_proto::event::Event;
use parlance_rpc::AuthClient;
use parlance_sql::{Progress, Store, Write, outbox};
use uuid::Uuid;

use crate::consumers::LOG;
use crate::store::types::{self, Types};
use crate::touches::Touches;

/// How long another replica's new channel type may stay unknown here.
const TYPES_LIFE: Duration = Duration::from_secs(60);
const TYPES_APPS: u64 = 10_000;
/// Longest that a call waits for the bus.
const WAKE_LIMIT: Duration = Duration::from_millis(500);

/// What every operation works with.
#[derive(Debug)]
pub struct State {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub nums: NumGenerator,
    pub bus: Arc<dyn Bus>,
    /// How far auth's log has been consumed, by all replicas together.
    pub progress: Arc<Progress>,
    pub touches: Touches,
    auth: AuthClient,
    types: Cache<Uuid, Arc<Types>>,
}

impl State {
    pub async fn load(
        store: Store,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        auth: AuthClient,
    ) -> Result<Self> {
        let types = Cache::builder().max_capacity(TYPES_APPS).time_to_live(TYPES_LIFE).build();
        let (nums, progress) = (NumGenerator::random(), Arc::new(Progress::load(&store, LOG).await?));
        let touches = Touches::new(&store);
        Ok(Self { store, clock, nums, bus, progress, touches, auth, types })
    }

    /// The client of auth, which needs `&mut` for each call.
    pub fn auth(&self) -> AuthClient {
        self.auth.clone()
    }

    pub fn now(&self) -> Micros {
        self.clock.now()
    }

    /// The app's channel types. Ask before a transaction begins: the first question writes.
    pub async fn types(&self, app: Uuid) -> Result<Arc<Types>> {
        let load = async { types::load(&self.store, app).await.map(Arc::new) };
        self.types.try_get_with(app, load).await.map_err(|error| (*error).clone())
    }

    /// States the facts, commits, wakes the log's consumers. Gives the position of the last fact.
    ///
    /// Facts come last in a transaction: on PostgreSQL the log is locked until the commit.
    pub async fn commit(&self, write: Write, facts: Vec<Event>) -> Result<u64> {
        let stated = !facts.is_empty();
        let position = outbox::append(&write, facts, self.now()).await?;
        let committed = write.commit().await?;
        if stated {
            self.wake().await;
        }
        drop(committed);
        Ok(position)
    }

    /// Wakes the log's consumers. They sweep it, so that a bus that fails or hangs only delays them.
    async fn wake(&self) {
        let wake = self.bus.publish(vec![(Topic::Log("channel"), Message::Wake)]);
        match tokio::time::timeout(WAKE_LIMIT, wake).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the bus took no wake-up"),
            Err(_) => tracing::warn!("the bus took no wake-up in time"),
        }
    }

    /// The log's newest position: the answer of a call that changed nothing, so that the fact of a
    /// concurrent call that did is awaited as well.
    pub async fn top(&self) -> Result<u64> {
        outbox::top(&self.store).await
    }
}

pub fn channel_not_found() -> Error {
    Error::new(Reason::ChannelNotFound, "no such channel")
}

pub fn workspace_not_found() -> Error {
    Error::new(Reason::WorkspaceNotFound, "no such workspace")
}
