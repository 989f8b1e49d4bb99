use std::time::{Duration, Instant};

use parlance_core::{Error, Reason, Result};
use tokio::sync::{Mutex, Notify, watch};

use crate::{Store, positions};

/// Pauses between looks at the position that all replicas share, while somebody waits for it.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// How far a service's log has been consumed by whichever replica, and a way to hurry.
#[derive(Debug)]
pub struct Progress {
    store: Store,
    service: &'static str,
    position: watch::Sender<u64>,
    poke: Notify,
    /// One of those who wait looks at the shared position, for all of them.
    looking: Mutex<()>,
}

impl Progress {
    /// From the stored position, which exists from then on.
    pub async fn load(store: &Store, service: &'static str) -> Result<Self> {
        positions::prepare(store, service).await?;
        let position = positions::load(store, service).await?;
        Ok(Self {
            store: store.clone(),
            service,
            position: watch::channel(position).0,
            poke: Notify::new(),
            looking: Mutex::default(),
        })
    }

    /// Everything up to here has had its effect, as far as this replica knows.
    pub fn current(&self) -> u64 {
        *self.position.borrow()
    }

    /// Everything up to `position` has had its effect, and is committed.
    pub fn advance(&self, position: u64) {
        self.position.send_if_modified(|at| std::mem::replace(at, position.max(*at)) < position);
    }

    /// Asks how far all replicas together have come.
    pub async fn look(&self) -> Result<u64> {
        let position = positions::load(&self.store, self.service).await?;
        self.advance(position);
        Ok(position)
    }

    /// Returns when somebody waits for what may be in the log.
    pub async fn wanted(&self) {
        self.poke.notified().await;
    }

    /// Returns once everything up to `position` is consumed, by this replica or another one.
    /// DEADLINE_PASSED if that takes longer than the caller waits.
    pub async fn reach(&self, position: u64, deadline: Instant) -> Result<()> {
        let mut reached = self.position.subscribe();
        if *reached.borrow_and_update() >= position {
            return Ok(());
        }
        self.poke.notify_one();
        let work = async {
            tokio::select! {
                _ = reached.wait_for(|at| *at >= position) => {}
                () = self.look_until(position) => {}
            }
        };
        tokio::time::timeout_at(deadline.into(), work)
            .await
            .map_err(|_| Error::new(Reason::DeadlinePassed, "facts did not arrive in time"))
    }

    /// Looks at the shared position until it is far enough.
    async fn look_until(&self, position: u64) {
        if !self.store.is_shared() {
            // Nobody else consumes.
            return std::future::pending().await;
        }
        let _turn = self.looking.lock().await;
        let mut pause = FIRST_PAUSE;
        while self.current() < position {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "the position of a consumer cannot be read for now");
            }
        }
    }
}
