//! Sends what is in the queue. Each push service of each app is a lane of its own: one that is slow or dead
//! keeps nobody else waiting. Asking for receipts is another lane, so that it keeps nothing from being sent.

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
use crate::store::deliveries::{self, LaneKey, TAKEN, WAITING};

/// Lanes that are at work at once.
const MOST_LANES: usize = 128;
/// The queue is looked at this often even if nothing rang.
const LOOK: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_secs(1);
/// Rounds of a turn, so that lanes take turns where there are more than places.
const ROUNDS: usize = 16;

/// The lanes that are at work here, of one kind of work.
#[derive(Default)]
struct Lanes {
    busy: Mutex<HashSet<LaneKey>>,
    /// Rung when one has ended.
    ended: Notify,
}

/// What is at work here.
#[derive(Default)]
struct Work {
    sending: Arc<Lanes>,
    asking: Arc<Lanes>,
    circuits: Arc<Circuits>,
}

/// Sends until the service stops; lanes that are at work then end what they have begun.
pub async fn run(service: Arc<Service>) {
    let work = Work::default();
    loop {
        if let Err(error) = open_lanes(&service, &work).await {
            tracing::warn!(%error, "the queue cannot be read for now");
            tokio::select! {
                () = service.stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = service.sender.notified() => {}
            () = work.sending.ended.notified() => {}
            () = work.asking.ended.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Puts a task to each lane that has work and none yet.
async fn open_lanes(service: &Arc<Service>, work: &Work) -> Result<()> {
    for turn in turns(service, &work.sending, WAITING).await? {
        service.tasks.spawn(lane::work(service.clone(), turn, work.circuits.clone()));
    }
    for turn in turns(service, &work.asking, TAKEN).await? {
        service.tasks.spawn(receipts::work(service.clone(), turn));
    }
    Ok(())
}

/// Turns for lanes with deliveries of a state that are due.
async fn turns(service: &Service, lanes: &Arc<Lanes>, state: i16) -> Result<Vec<Turn>> {
    let busy: Vec<LaneKey> = lanes.busy.lock().iter().copied().collect();
    let places = MOST_LANES.saturating_sub(busy.len());
    if places == 0 {
        return Ok(Vec::new());
    }
    let due = deliveries::lanes(service.store.read(), state, service.now(), &busy).await?;
    let turn = |lane| {
        lanes.busy.lock().insert(lane);
        Turn { lane, lanes: lanes.clone() }
    };
    Ok(due.into_iter().take(places).map(turn).collect())
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
