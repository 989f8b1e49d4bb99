//! What a replica that died, or a bus that dropped, has left undone.
//!
//! Every second one of the replicas says how far streams have come that got entries lately: gateways
//! that are behind read the log. Positions of entries are given before their transactions commit, so what
//! is said starts at the newest position that was seen some rounds ago. When a replica falls silent, channel
//! is told again of the messages that it may have left untold.
//!
//! Saying heads, beating and telling channel run beside each other: none waits for what stops another.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parlance_bus::{Message, Topic};
use parlance_core::{Error, Reason, Result};
use parlance_proto::event::StreamHead;
use parlance_sql::{leases, within};
use tokio::time::{Interval, MissedTickBehavior};

use crate::commit::Retelling;
use crate::service::Service;
use crate::store::{entries, stream_of};

/// Name of the lease.
const LEASE: &str = "sweep";
const EVERY: Duration = Duration::from_secs(1);
/// Time of one round.
const LIMIT: Duration = Duration::from_secs(10);
/// Longest wait for the bus to take heads.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);
/// Rounds for which an entry is said again. Only rounds that succeed count, so that a database that
/// stands still makes them more.
const ROUNDS: usize = 5;
/// Rounds that fail to reach the bus are made up for up to this many entries.
const MOST_ENTRIES: i64 = 200_000;
/// Heads in one message of the bus.
const TOGETHER: usize = 500;
/// After so many rounds in a row that did not reach the bus, the lease is left to another replica …
const FAILURES: u32 = 2;
/// … and not asked for in this many rounds.
const REST: u32 = 5;
/// A replica beats this often, and looks for others that do not …
const BEAT: Duration = Duration::from_secs(2);
/// … and is taken for dead after this.
const SILENT: Duration = Duration::from_secs(5);
/// How long before its last beat a dead replica may have left something untold.
const UNTOLD: Duration = Duration::from_secs(10);
/// After a start of the first replica channel is told again of messages this recent.
const RECENT: Duration = Duration::from_secs(24 * 3600);

/// What the three tell each other.
#[derive(Default)]
struct State {
    /// This replica holds the lease.
    leads: AtomicBool,
    /// What was untold before the start has been told, or is known to be told by others: from now on
    /// others watch this replica.
    has_started: AtomicBool,
}

/// Sweeps until the service stops.
pub async fn run(service: Arc<Service>) {
    let state = State::default();
    tokio::select! {
        () = service.stop.cancelled() => {}
        () = say(&service, &state) => {}
        () = beat(&service, &state) => {}
        () = tell(&service, &state) => {}
    }
}

/// The last deed of a replica that ends in order.
pub async fn end(service: &Service) {
    if !service.store.is_shared() {
        return;
    }
    let ended = within(LIMIT, async {
        leases::release(&service.store, LEASE, &service.replica).await?;
        leases::forget(&service.store, &service.replica).await
    });
    if let Err(error) = ended.await {
        tracing::warn!(%error, "the end of this replica was not noted; others find out");
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Says heads while this replica holds the lease.
async fn say(service: &Service, state: &State) {
    let mut ticks = every(EVERY);
    let mut sweeper = Sweeper::default();
    loop {
        ticks.tick().await;
        if let Err(error) = within(LIMIT, sweeper.round(service, state)).await {
            tracing::warn!(%error, "sweeping failed; the next round makes up for it");
        }
    }
}

/// Says that this replica is alive.
async fn beat(service: &Service, state: &State) {
    if !service.store.is_shared() {
        return std::future::pending().await;
    }
    let mut ticks = every(BEAT);
    loop {
        ticks.tick().await;
        if !state.has_started.load(Ordering::Relaxed) {
            continue;
        }
        if let Err(error) = within(LIMIT, leases::beat(&service.store, &service.replica, service.now())).await
        {
            tracing::warn!(%error, "this replica could not say that it is alive; it is tried again");
        }
    }
}

/// Tells channel again of what it may not know: at the start, and after the death of another replica.
async fn tell(service: &Service, state: &State) {
    let mut ticks = every(BEAT);
    let mut start = None;
    let mut dead = VecDeque::new();
    loop {
        ticks.tick().await;
        if !state.has_started.load(Ordering::Relaxed) {
            match start_telling(service, &mut start).await {
                Ok(()) => state.has_started.store(true, Ordering::Relaxed),
                Err(error) => {
                    tracing::warn!(%error, "channel was not told of recent messages; it is tried again");
                    continue;
                }
            }
            // Others are to know at once.
            if service.store.is_shared()
                && let Err(error) =
                    within(LIMIT, leases::beat(&service.store, &service.replica, service.now())).await
            {
                tracing::warn!(%error, "this replica could not say that it is alive; it is tried again");
            }
        }
        if let Err(error) = bury(service, state, &mut dead).await {
            tracing::warn!(%error, "channel was not told what a dead replica has left; it is tried again");
        }
    }
}

/// The first replica tells channel of recent messages. Where there are others, alive or dead, what each
/// of them left is known. Until it has told, it does not beat: whoever starts meanwhile tells as well.
async fn start_telling(service: &Service, start: &mut Option<Retelling>) -> Result<()> {
    if start.is_none() && service.store.is_shared() {
        let others = within(LIMIT, leases::silent(&service.store, service.now() + RECENT)).await?;
        if others.iter().any(|(replica, _)| *replica != service.replica) {
            return Ok(());
        }
    }
    start.get_or_insert_with(|| Retelling::new(service.now() - RECENT)).go_on(service).await
}

/// Does what dead replicas have left, and forgets them. What fails is gone on with the next time.
async fn bury(service: &Service, state: &State, dead: &mut VecDeque<(String, Retelling)>) -> Result<()> {
    if state.leads.load(Ordering::Relaxed) {
        let silent = leases::silent(&service.store, service.now() - SILENT);
        for (replica, seen_at) in within(LIMIT, silent).await? {
            if replica == service.replica || dead.iter().any(|(known, _)| *known == replica) {
                continue;
            }
            tracing::warn!(%replica, "a replica has fallen silent; what it may have left is told again");
            dead.push_back((replica, Retelling::new(seen_at - UNTOLD)));
        }
    }
    while let Some((replica, retelling)) = dead.front_mut() {
        retelling.go_on(service).await?;
        within(LIMIT, leases::forget(&service.store, replica)).await?;
        dead.pop_front();
    }
    Ok(())
}

#[derive(Default)]
struct Sweeper {
    /// `None` before the first round of a store that nobody shares.
    window: Option<Window>,
    /// Rounds in a row that did not reach the bus.
    failures: u32,
    /// Rounds for which another replica may have the lease.
    rest: u32,
}

impl Sweeper {
    async fn round(&mut self, service: &Service, state: &State) -> Result<()> {
        if !service.store.is_shared() {
            if self.window.is_none() {
                self.window = Some(Window::from(entries::top(service.store.read()).await?));
            }
            let window = self.window.get_or_insert_default();
            return say_heads(service, window).await;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return Ok(());
        }
        let window = self.window.get_or_insert_default();
        let noted = window.floor();
        let claimed = leases::claim(&service.store, LEASE, &service.replica, noted, service.now()).await;
        state.leads.store(matches!(claimed, Ok(Some(_))), Ordering::Relaxed);
        match claimed? {
            None => {
                self.window = None;
                self.failures = 0;
                return Ok(());
            }
            Some(position) if position != noted => *window = Window::from(position),
            Some(_) => {}
        }
        let said = say_heads(service, window).await;
        if said.is_ok() {
            self.failures = 0;
            return Ok(());
        }
        self.failures += 1;
        if self.failures >= FAILURES {
            tracing::warn!("heads cannot be said from here; the lease is left to another replica");
            (self.failures, self.rest) = (0, REST);
            state.leads.store(false, Ordering::Relaxed);
            // The window stays: if nobody else comes, it is gone on with.
            leases::release(&service.store, LEASE, &service.replica).await?;
        }
        said
    }
}

/// Tells gateways how far streams have come that have moved lately.
async fn say_heads(service: &Service, window: &mut Window) -> Result<()> {
    let moved = entries::moved_since(service.store.read(), window.floor()).await?;
    let top = moved.iter().map(|stream| stream.top).max().unwrap_or(0);
    let mut by_topic: HashMap<Topic, Vec<StreamHead>> = HashMap::new();
    for one in moved {
        let stream = stream_of(one.stream);
        by_topic.entry(Topic::of(&stream)).or_default().push(StreamHead {
            app_id: one.app.to_string(),
            stream: Some(stream),
            epoch: service.epoch.clone(),
            offset: one.last_offset as u64,
        });
    }
    let messages: Vec<(Topic, Message)> = by_topic
        .into_iter()
        .flat_map(|(topic, heads)| {
            let parts: Vec<_> =
                heads.chunks(TOGETHER).map(|some| (topic, Message::Heads(some.into()))).collect();
            parts
        })
        .collect();
    let told = match messages.is_empty() {
        true => Ok(()),
        false => match tokio::time::timeout(PUBLISH_TIMEOUT, service.bus.publish(messages)).await {
            Ok(told) => told,
            Err(_) => Err(Error::new(Reason::DeadlinePassed, "it does not answer in time")),
        },
    };
    if told.is_ok() || top - window.floor() > MOST_ENTRIES {
        window.seen(top);
    }
    told.map_err(|error| Error { message: format!("the bus took no heads: {}", error.message), ..error })
}

/// The newest positions that the last rounds saw.
#[derive(Default)]
struct Window {
    tops: VecDeque<i64>,
}

impl Window {
    fn from(position: i64) -> Self {
        Self { tops: VecDeque::from([position]) }
    }

    /// What came after this is said.
    fn floor(&self) -> i64 {
        self.tops.front().copied().unwrap_or(0)
    }

    fn seen(&mut self, top: i64) {
        let newest = self.tops.back().copied().unwrap_or(0);
        self.tops.push_back(top.max(newest));
        while self.tops.len() > ROUNDS {
            self.tops.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_said_for_five_rounds_and_a_late_one_still_found() {
        let mut window = Window::from(10);
        for top in [20, 20, 30, 0] {
            window.seen(top);
            assert_eq!(window.floor(), 10);
        }
        window.seen(40);
        assert_eq!(window.floor(), 20);
        for _ in 0..ROUNDS {
            window.seen(0);
        }
        assert_eq!(window.floor(), 40, "nothing newer, nothing to say");
    }
}
