use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement,
};

use crate::error::{Trouble, trouble_of};

/// Time after a failure in which connections are tested before they go back to the pool.
const RECENT: Duration = Duration::from_secs(15);

/// When a connection of the pool last failed.
#[derive(Debug, Default, Clone)]
pub(crate) struct LastTrouble(Arc<Mutex<Option<Instant>>>);

impl LastTrouble {
    pub fn note(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// Whether a connection that has been idle for so long may have died with the one that failed.
    pub fn is_within(&self, idle_for: Duration) -> bool {
        self.0.lock().is_some_and(|at| idle_for >= at.elapsed())
    }

    /// Whether it was a moment ago.
    pub fn is_recent(&self) -> bool {
        self.0.lock().is_some_and(|at| at.elapsed() < RECENT)
    }
}

/// For questions. On PostgreSQL one that meets a dead connection is asked again on another one.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) connection: DatabaseConnection,
    /// PostgreSQL only.
    pub(crate) shared: Option<Shared>,
}

#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub trouble: LastTrouble,
    /// Longest time for one question.
    pub limit: Duration,
}

impl Shared {
    /// The result within the limit.
    pub async fn limited<T>(&self, work: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        let mut work = std::pin::pin!(work);
        let result = tokio::time::timeout(self.limit, work.as_mut()).await;
        let result = result.unwrap_or_else(|_| {
            let cause = std::io::Error::from(std::io::ErrorKind::TimedOut);
            Err(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(sqlx::Error::Io(cause)))))
        });
        if matches!(&result, Err(error) if trouble_of(error) == Trouble::Lost) {
            self.trouble.note();
        }
        result
    }

    /// Runs what has written nothing yet once more if its connection turns out to be dead at once.
    pub async fn again_if_lost<T, F>(&self, mut work: impl FnMut() -> F) -> Result<T, DbErr>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        let started = Instant::now();
        match self.limited(work()).await {
            Err(error) if trouble_of(&error) == Trouble::Lost && started.elapsed() < self.limit / 2 => {
                tracing::debug!(cause = %error, "a connection was dead; another one is tried");
                self.limited(work()).await
            }
            result => result,
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.connection.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.connection.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match &self.shared {
            None => self.connection.query_one_raw(statement).await,
            Some(shared) => shared.again_if_lost(|| self.connection.query_one_raw(statement.clone())).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.shared {
            None => self.connection.query_all_raw(statement).await,
            Some(shared) => shared.again_if_lost(|| self.connection.query_all_raw(statement.clone())).await,
        }
    }
}
