//! What this replica was told of new messages lately. A touch does not wait for the disk; if the database
//! server crashes, those of the last moments are written once more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use parlance_core::{Num, Result};
use parlance_sql::{Store, crashes, retrying, within};
use tokio_util::sync::CancellationToken;

use crate::state::State;
use crate::store::touch::{self, Activity};

/// How often is asked whether the server has crashed.
const EVERY: Duration = Duration::from_secs(1);
/// Time of one round.
const LIMIT: Duration = Duration::from_secs(30);
/// A touch is remembered for one to two times so many rounds in which the server had not crashed. By
/// itself PostgreSQL makes it durable after three `wal_writer_delay`, together 0.6 s as delivered.
const KEPT: u32 = 5;

/// Touches of the present rounds, and of those before.
#[derive(Debug)]
pub struct Touches {
    /// `None` where nothing can be lost while this process lives.
    kept: Option<Mutex<[BTreeMap<Num, Activity>; 2]>>,
}

impl Touches {
    pub fn new(store: &Store) -> Self {
        Self { kept: store.is_shared().then(Mutex::default) }
    }

    /// Called before they are written.
    pub fn remember(&self, activities: &BTreeMap<Num, Activity>) {
        if let Some(kept) = &self.kept {
            merge(&mut kept.lock()[0], activities);
        }
    }

    fn all(&self) -> BTreeMap<Num, Activity> {
        let Some(kept) = &self.kept else { return BTreeMap::new() };
        let [present, before] = &*kept.lock();
        let mut all = before.clone();
        merge(&mut all, present);
        all
    }

    /// Forgets those from before.
    fn turn(&self) {
        if let Some(kept) = &self.kept {
            let [present, before] = &mut *kept.lock();
            *before = std::mem::take(present);
        }
    }
}

fn merge(into: &mut BTreeMap<Num, Activity>, activities: &BTreeMap<Num, Activity>) {
    for (&num, &activity) in activities {
        let known = into.entry(num).or_default();
        *known = known.newest(activity);
    }
}

/// Writes touches again that a crash of the server may have undone, until `stop`.
pub async fn guard(state: Arc<State>, stop: CancellationToken) {
    if !state.store.is_shared() {
        return;
    }
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut guard = Guard::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = within(LIMIT, guard.round(&state)).await {
            tracing::warn!(%error, "it is not known whether touches were lost; it is asked again");
        }
    }
}

#[derive(Default)]
struct Guard {
    /// The server's mark when it was seen last.
    mark: Option<String>,
    rounds: u32,
}

impl Guard {
    async fn round(&mut self, state: &State) -> Result<()> {
        let mark = crashes::mark(&state.store).await?;
        if self.mark.is_some() && self.mark != mark {
            let touches = state.touches.all();
            tracing::warn!(channels = touches.len(), "the database server has crashed; touching again");
            retrying(|| touch::touch_durably(&state.store, &touches)).await?;
        }
        self.mark = mark;
        self.rounds += 1;
        if self.rounds >= KEPT {
            state.touches.turn();
            self.rounds = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parlance_core::Micros;

    use super::*;

    #[test]
    fn a_touch_is_remembered_for_more_than_one_turn_and_at_most_two() {
        let touches = Touches { kept: Some(Mutex::default()) };
        let told = |last_seq, at| BTreeMap::from([(1, Activity { last_seq, at: Micros(at) })]);
        touches.remember(&told(5, 10));
        touches.turn();
        touches.remember(&told(4, 20));
        assert_eq!(touches.all(), told(5, 20), "the newest in either respect");
        touches.turn();
        assert_eq!(touches.all(), told(4, 20));
        touches.turn();
        assert!(touches.all().is_empty());
    }
}
