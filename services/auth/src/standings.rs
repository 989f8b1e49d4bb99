//! Whether sessions still stand, asked together: ten thousand returning clients cost a handful of statements.

use std::collections::HashMap;

use parlance_core::{Error, Result};
use parlance_rpc::Batcher;
use parlance_sql::Store;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::store::sessions::{self, Standing};

/// Sessions looked up in one statement.
const TOGETHER: usize = 256;

/// App and session.
type Question = (Uuid, Uuid);

/// Looks sessions up in collected batches.
pub(crate) struct Standings(Batcher<Question, Result<Option<Standing>>>);

impl Standings {
    pub(crate) fn start(store: Store, tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        Self(Batcher::start(tasks, stop, TOGETHER, move |wanted| {
            let store = store.clone();
            async move { answer(&store, wanted).await }
        }))
    }

    /// The session with its user; `None` if the app has no such session.
    pub(crate) async fn of(&self, app: Uuid, session: Uuid) -> Result<Option<Standing>> {
        self.0.ask((app, session)).await.unwrap_or_else(|| Err(Error::unavailable("the service is stopping")))
    }
}

async fn answer(store: &Store, wanted: Vec<Question>) -> Vec<Result<Option<Standing>>> {
    match sessions::standings(store, &wanted).await {
        Ok(found) => {
            let found: HashMap<Uuid, Standing> = found.into_iter().collect();
            wanted.iter().map(|(_, session)| Ok(found.get(session).cloned())).collect()
        }
        Err(error) => wanted.iter().map(|_| Err(error.clone())).collect(),
    }
}
