//! The passing of time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parlance_core::{Caller, Micros, Result};
use parlance_proto::auth::{RecordActivityRequest, record_activity_request::Activity};
use parlance_rpc::Context;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::ops::set_typing::publish;
use crate::presence::Presence;

const EVERY: Duration = Duration::from_secs(1);
/// Sweeps between two reports of activity to auth.
const SWEEPS_PER_FLUSH: u64 = 30;
/// Users per report to auth.
const BATCH: usize = 500;

/// Sweeps every second and reports activity every 30 s until `stop`, then reports it a last time.
pub(crate) async fn run(presence: Arc<Presence>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sweeps: u64 = 0;
    let mut failing = false;
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        match presence.sweep(presence.now()).await {
            Ok(()) => failing = false,
            // Said once: Redis may be away for long.
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(reason = %error.reason, "presence cannot be swept for now");
            }
            Err(_) => {}
        }
        sweeps += 1;
        if sweeps.is_multiple_of(SWEEPS_PER_FLUSH) {
            presence.flush_activity().await;
        }
    }
    presence.flush_activity().await;
}

impl Presence {
    /// Does what time alone brings: silent gateways, old disconnects, typing that fell silent, old entries.
    pub async fn sweep(&self, now: Micros) -> Result<()> {
        self.announcer.announce(self.store.sweep(now).await?);
        publish(self, self.store.sweep_typing(now).await?).await?;
        self.permissions.sweep(now);
        self.watch.sweep(now).await;
        let totals = self.store.totals().await?;
        metrics::gauge!("parlance_presence_users").set(totals.users as f64);
        metrics::gauge!("parlance_presence_connections").set(totals.connections as f64);
        metrics::gauge!("parlance_presence_typing").set(totals.typing as f64);
        Ok(())
    }

    /// Tells auth who was active since the last time. What auth does not take is not kept: the next
    /// activity brings a newer time.
    pub async fn flush_activity(&self) {
        loop {
            let active = match self.store.take_active(BATCH).await {
                Ok(active) if active.is_empty() => return,
                Ok(active) => active,
                Err(error) => {
                    tracing::warn!(reason = %error.reason, "activity could not be read");
                    return;
                }
            };
            let mut by_app: HashMap<Uuid, Vec<Activity>> = HashMap::new();
            for (user, at) in active {
                let activity = Activity { user_num: user.num, at: Some(at.timestamp()) };
                by_app.entry(user.app).or_default().push(activity);
            }
            for (app, activities) in by_app {
                let report = RecordActivityRequest { activities };
                let request = Context::new(Caller::service(app)).request(report);
                if let Err(status) = self.auth.clone().record_activity(request).await {
                    tracing::warn!(code = ?status.code(), "activity was not recorded");
                }
            }
        }
    }
}
