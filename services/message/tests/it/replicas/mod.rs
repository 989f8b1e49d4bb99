//! Three replicas of every service on one PostgreSQL. Each has a bus of its own unless the test is about
//! the bus, so that nothing rests on its delivering.

mod facts;
pub mod heads;
mod sends;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parlance_bus::MemoryBus;
use parlance_sql::Store;
use sea_orm::{ConnectionTrait as _, Statement};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::broken::Faults;
use crate::world::{Services, Setup, Stores, World, settings, start};

/// Replicas that share their tables. The first has made the app.
pub struct Replicas {
    /// The same world through each replica.
    pub worlds: Vec<World>,
    pub stores: Stores,
    pub buses: Vec<Arc<MemoryBus>>,
    runtimes: Vec<Option<Runtime>>,
    stops: Vec<CancellationToken>,
    /// Of the next replica.
    faults: Faults,
    url: String,
    run: String,
}

impl Replicas {
    /// `None`, with a note, where no PostgreSQL is named.
    pub async fn start(count: usize) -> Option<Self> {
        let Ok(url) = std::env::var("PARLANCE_TEST_POSTGRES_URL") else {
            println!("skipped: PARLANCE_TEST_POSTGRES_URL is not set");
            return None;
        };
        Some(Self::on(url, count).await)
    }

    /// On the server that has this URL.
    pub async fn on(url: String, count: usize) -> Self {
        let run = Uuid::new_v4().simple().to_string();
        let mut replicas = Self {
            worlds: Vec::new(),
            stores: open(&url, &url, &run).await,
            buses: Vec::new(),
            runtimes: Vec::new(),
            stops: Vec::new(),
            faults: Faults::default(),
            url,
            run,
        };
        for _ in 0..count {
            replicas.add(None).await;
        }
        replicas
    }

    /// Starts one more, in a runtime of its own so that it can be killed. Its message service may reach
    /// the database by another way.
    pub async fn add(&mut self, message_url: Option<&str>) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (bus, stop) = (Arc::new(MemoryBus::new()), CancellationToken::new());
        let (url, run) = (self.url.clone(), self.run.clone());
        let message_url = message_url.unwrap_or(&url).to_owned();
        let (own_bus, own_stop, faults) = (bus.clone(), stop.clone(), std::mem::take(&mut self.faults));
        let started = runtime.spawn(async move {
            let stores = open(&url, &message_url, &run).await;
            start(stores, own_bus, Setup { faults, ..Setup::default() }, own_stop).await
        });
        let services: Services = started.await.unwrap();
        let world = match self.worlds.first() {
            Some(first) => first.through(&services),
            None => World::with(&services, self.stores.message.clone(), bus.clone()).await,
        };
        self.worlds.push(world);
        self.buses.push(bus);
        self.runtimes.push(Some(runtime));
        self.stops.push(stop);
    }

    /// Ways to break what the replica that is added next stands on.
    pub fn prepare_faults(&mut self) -> Faults {
        self.faults = Faults::default();
        self.faults.clone()
    }

    /// Ends a replica as a crash does: whatever it was doing stops, and nothing is cleaned up.
    pub fn kill(&mut self, index: usize) {
        if let Some(runtime) = self.runtimes[index].take() {
            runtime.shutdown_background();
        }
    }

    /// One that takes its leave.
    pub fn stop(&self, index: usize) {
        self.stops[index].cancel();
    }

    fn each(&self) -> impl Iterator<Item = &World> {
        self.worlds.iter().cycle()
    }

    async fn count(&self, sql: &str) -> i64 {
        number(&self.stores.message, sql).await
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        for index in 0..self.runtimes.len() {
            self.kill(index);
        }
        if !std::thread::panicking() {
            let schemas = ["auth", "channel", "message"].map(|one| format!("test_{}_{one}", self.run));
            crate::postgres::drop_schemas(self.url.clone(), schemas.to_vec());
        }
    }
}

async fn open(url: &str, message_url: &str, run: &str) -> Stores {
    let store = async |url: &str, service: &str| Store::open(&settings(url, run, service)).await.unwrap();
    Stores {
        auth: store(url, "auth").await,
        channel: store(url, "channel").await,
        message: store(message_url, "message").await,
    }
}

pub async fn number(store: &Store, sql: &str) -> i64 {
    let statement = Statement::from_string(store.backend(), sql);
    let row = store.read().query_one_raw(statement).await.unwrap().unwrap();
    row.try_get::<i64>("", "n").unwrap()
}

pub async fn execute(store: &Store, sql: &str) {
    let write = store.begin().await.unwrap();
    write.connection().execute_unprepared(sql).await.unwrap();
    drop(write.commit().await.unwrap());
}

pub fn offsets(events: &[parlance_proto::event::Event]) -> Vec<u64> {
    events.iter().map(|event| event.offset).collect()
}

pub fn consecutive(count: usize) -> Vec<u64> {
    (1..=count as u64).collect()
}

pub async fn wait_for(what: &str, limit: Duration, mut done: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !done().await {
        assert!(started.elapsed() < limit, "waited {limit:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
