use parlance_core::{Error, Reason, Result};
use parlance_rpc::Context;
use tokio::sync::{Notify, watch};

/// How far a log has been consumed, and a way to hurry.
#[derive(Debug, Default)]
pub struct Progress {
    position: watch::Sender<u64>,
    poke: Notify,
}

impl Progress {
    /// Everything up to `position` has had its effect, and is committed.
    pub fn advance(&self, position: u64) {
        self.position.send_if_modified(|at| std::mem::replace(at, position.max(*at)) < position);
    }

    /// Returns when somebody waits for what may be in the log.
    pub async fn wanted(&self) {
        self.poke.notified().await;
    }

    /// Returns once everything up to `position` is consumed. DEADLINE_PASSED if that takes longer than
    /// the caller waits.
    pub async fn reach(&self, position: u64, context: &Context) -> Result<()> {
        let mut reached = self.position.subscribe();
        if *reached.borrow_and_update() >= position {
            return Ok(());
        }
        self.poke.notify_one();
        let deadline = tokio::time::Instant::from_std(context.deadline);
        match tokio::time::timeout_at(deadline, reached.wait_for(|at| *at >= position)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::unavailable("the service is stopping")),
            Err(_) => Err(Error::new(Reason::DeadlinePassed, "facts did not arrive in time")),
        }
    }
}
