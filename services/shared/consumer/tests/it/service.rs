//! The smallest service that follows a log: a fact's effect is a row, and a second effect a refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parlance_bus::{Bus, MemoryBus};
use parlance_consumer::{Consumer, LogConsumer, Missed, Step};
use parlance_core::{Error, Micros, Reason, Result, SystemClock};
use parlance_proto::event::{Event, LogEntry, ReadLogRequest, ReadLogResponse};
use parlance_sql::{Progress, Store, outbox, positions, store_error};
use sea_orm::{ConnectionTrait as _, DbErr, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Initial)]
    }
}

struct Initial;

impl MigrationName for Initial {
    fn name(&self) -> &str {
        "m0001_initial"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Initial {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        outbox::create_table(manager).await?;
        positions::create_table(manager).await?;
        let effects = "CREATE TABLE effects (position BIGINT PRIMARY KEY)";
        manager.get_connection().execute_unprepared(effects).await.map(drop)
    }
}

pub async fn migrate(store: &Store) -> anyhow::Result<()> {
    parlance_sql::migrate::<Migrator>(store).await
}

/// One replica. The log that it follows is in the same store.
pub struct Replica {
    store: Store,
    /// Most entries in a transaction.
    most_together: usize,
    /// Of so many attempts one fails with each of these reasons, in turn, when all but the position is written.
    failures: Option<(usize, Vec<Reason>)>,
    attempts: AtomicUsize,
    /// Attempts that were committed.
    pub steps: AtomicUsize,
}

impl Replica {
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            most_together: usize::MAX,
            failures: None,
            attempts: AtomicUsize::new(0),
            steps: AtomicUsize::new(0),
        }
    }

    pub fn in_steps_of(mut self, most_together: usize) -> Self {
        self.most_together = most_together;
        self
    }

    pub fn failing(mut self, every: usize, reasons: &[Reason]) -> Self {
        self.failures = Some((every, reasons.to_vec()));
        self
    }

    fn fails(&self) -> Option<Reason> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let (every, reasons) = self.failures.as_ref()?;
        let (time, rest) = (attempt / every, attempt % every);
        (rest == every - 1).then(|| reasons[time % reasons.len()])
    }
}

impl Consumer for Replica {
    const SERVICE: &'static str = "test";
    const LOG: &'static str = "test-log";

    async fn read(&self, request: ReadLogRequest) -> Result<ReadLogResponse> {
        outbox::read(&self.store, request.after_position, request.limit).await
    }

    async fn apply(&self, step: &Step) -> Result<(), Missed> {
        let turn = step.begin().await?;
        for entry in step.entries() {
            let insert = format!("INSERT INTO effects (position) VALUES ({})", entry.position);
            turn.write().connection().execute_unprepared(&insert).await.map_err(store_error)?;
        }
        if let Some(reason) = self.fails() {
            return Err(Error::new(reason, "as the test wants").into());
        }
        drop(turn.finish().await?.commit().await?);
        self.steps.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn together(&self, entries: &[LogEntry]) -> usize {
        entries.len().min(self.most_together)
    }
}

/// A replica at work; ended when dropped.
pub struct Running {
    pub replica: Arc<Replica>,
    pub progress: Arc<Progress>,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn start(store: &Store, replica: Replica) -> Self {
        let bus: Arc<dyn Bus> = Arc::new(MemoryBus::new());
        let progress = Arc::new(Progress::load(store, Replica::LOG).await.unwrap());
        let replica = Arc::new(replica);
        let consumer = LogConsumer {
            consumer: replica.clone(),
            store: store.clone(),
            bus,
            clock: Arc::new(SystemClock),
            progress: progress.clone(),
            stop: CancellationToken::new(),
        };
        Self { replica, progress, task: tokio::spawn(consumer.run()) }
    }

    pub async fn reach(&self, position: u64) {
        self.progress.reach(position, Instant::now() + Duration::from_secs(20)).await.unwrap();
    }
}

impl Drop for Running {
    /// As a crash does.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// States this many facts; gives the position of the last.
pub async fn state(store: &Store, count: usize) -> u64 {
    let write = store.begin().await.unwrap();
    let position = outbox::append(&write, vec![Event::default(); count], Micros(1)).await.unwrap();
    drop(write.commit().await.unwrap());
    position
}

pub async fn execute(store: &Store, sql: &str) {
    let write = store.begin().await.unwrap();
    write.connection().execute_unprepared(sql).await.unwrap();
    drop(write.commit().await.unwrap());
}

/// How many facts have had their effect.
pub async fn effects(store: &Store) -> i64 {
    let count = Statement::from_string(store.backend(), "SELECT COUNT(*) AS n FROM effects");
    store.read().query_one_raw(count).await.unwrap().unwrap().try_get("", "n").unwrap()
}
