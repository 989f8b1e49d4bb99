//! What users do over REST, told to presence as a sign of life.

use std::time::Duration;

use moka::sync::Cache;
use parlance_core::{Clock, Error, Num};
use parlance_proto::presence::ReportActivityRequest;
use parlance_rpc::{Context, PresenceClient};
use tokio_util::task::TaskTracker;

/// Users of whom it is remembered that they were told of.
const CAPACITY: u64 = 100_000;
/// Least time between two reports of one user; well below the five minutes that activity counts.
const PAUSE: Duration = Duration::from_secs(60);

/// Tells presence of active users, each at most once a minute, beside the request that shows it.
pub struct Activity {
    presence: PresenceClient,
    tasks: TaskTracker,
    told: Cache<Num, ()>,
}

impl Activity {
    pub fn new(presence: PresenceClient, tasks: TaskTracker) -> Self {
        Self { presence, tasks, told: Cache::builder().max_capacity(CAPACITY).time_to_live(PAUSE).build() }
    }

    /// The user of this request does something. Neither waits nor fails: presence is lossy.
    pub fn seen(&self, clock: &dyn Clock, user: Num, context: &Context) {
        if !self.told.entry(user).or_insert(()).is_fresh() {
            return;
        }
        // The time of the request: should the report be late, what the user says of himself later stands.
        let request = context.request(ReportActivityRequest { at: Some(clock.now().timestamp()) });
        let mut presence = self.presence.clone();
        self.tasks.spawn(async move {
            if let Err(status) = presence.report_activity(request).await {
                let error = Error::from(status);
                tracing::debug!(%error, "presence was not told of an active user");
            }
        });
    }

    /// The user has said himself whether he is there: nothing is told for a minute, so that the last
    /// requests of a page that closes do not undo it.
    pub fn declared(&self, user: Num) {
        self.told.insert(user, ());
    }
}
