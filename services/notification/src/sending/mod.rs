//! Sends what is in the queue. Each push service of each app is a lane of its own: one that is slow or dead
//! keeps nobody else waiting.

mod attempt;
mod circuit;
mod lane;
mod receipts;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use parlance_core::Result;
use tokio::sync::Notify;

use self::circuit::Circuits;
use crate::service::Service;
use crate::store::deliveries::{self, LaneKey};

/// Lanes that are at work at once.
const MOST_LANES: usize = 128;
/// The queue is looked at this often even if nothing rang.
const LOOK: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_secs(1);

/// The lanes that are at work here.
#[derive(Default)]
pub struct Lanes {
    busy: Mutex<HashSet<LaneKey>>,
    /// Rung when one has ended.
    ended: Notify,
    circuits: Circuits,
}

/// Sends until the service stops; lanes that are at work then end what they have begun.
pub async fn run(service: Arc<Service>) {
    let lanes = Arc::new(Lanes::default());
    loop {
        if let Err(error) = open_lanes(&service, &lanes).await {
            tracing::warn!(%error, "the queue cannot be read for now");
            tokio::select! {
                () = service.stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = service.sender.notified() => {}
            () = lanes.ended.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Puts a task to each lane that has work and none yet.
async fn open_lanes(service: &Arc<Service>, lanes: &Arc<Lanes>) -> Result<()> {
    let now = service.now();
    let busy: Vec<LaneKey> = lanes.busy.lock().iter().copied().collect();
    if busy.len() < MOST_LANES {
        for lane in deliveries::lanes(service.store.read(), now, &busy).await? {
            if lanes.busy.lock().len() >= MOST_LANES {
                break;
            }
            lanes.busy.lock().insert(lane);
            let turn = Turn { lane, lanes: lanes.clone() };
            service.tasks.spawn(lane::work(service.clone(), turn));
        }
    }
    receipts::ask_due(service, now).await
}

/// A lane's turn; dropped, the lane is free again.
pub struct Turn {
    lane: LaneKey,
    lanes: Arc<Lanes>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.lanes.busy.lock().remove(&self.lane);
        self.lanes.ended.notify_one();
    }
}
