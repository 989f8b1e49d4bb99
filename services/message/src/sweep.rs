//! What a replica that died, or a bus that dropped, has left undone.
//!
//! Every second one of the replicas says how far streams have come that got entries lately: gateways
//! that are behind read the log. Positions of entries are given before their transactions commit, so what
//! is said starts at the newest position that was seen some rounds ago. When a replica falls silent, channel
//! is told again of the messages that it may have left untold.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parlance_bus::{Message, Topic};
use parlance_core::{Error, Result};
use parlance_proto::event::StreamHead;
use parlance_sql::{leases, within};
use tokio::time::MissedTickBehavior;

use crate::commit::touch_since;
use crate::service::Service;
use crate::store::{entries, stream_of};

/// Name of the lease.
const LEASE: &str = "sweep";
const EVERY: Duration = Duration::from_secs(1);
/// Time of one round.
const LIMIT: Duration = Duration::from_secs(10);
/// Rounds for which an entry is said again. Only rounds that succeed count, so that a database that
/// stands still makes them more.
const ROUNDS: usize = 5;
/// Rounds that fail to reach the bus are made up for up to this many entries.
const MOST_ENTRIES: i64 = 200_000;
/// Heads in one message of the bus.
const TOGETHER: usize = 500;
/// A replica beats in every second round …
const BEAT_ROUNDS: u64 = 2;
/// … and is taken for dead after this.
const SILENT: Duration = Duration::from_secs(5);
/// How long before its last beat a dead replica may have left something untold.
const UNTOLD: Duration = Duration::from_secs(10);
/// After a start of the first replica channel is told again of messages this recent.
const RECENT: Duration = Duration::from_secs(24 * 3600);

/// Sweeps until the service stops.
pub async fn run(service: Arc<Service>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sweeper = Sweeper::default();
    loop {
        tokio::select! {
            () = service.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = within(LIMIT, sweeper.round(&service)).await {
            tracing::warn!(%error, "sweeping failed; the next round makes up for it");
        }
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

#[derive(Default)]
struct Sweeper {
    rounds: u64,
    has_started: bool,
    window: Window,
}

impl Sweeper {
    async fn round(&mut self, service: &Service) -> Result<()> {
        if !self.has_started {
            self.start(service).await?;
            self.has_started = true;
        }
        self.rounds += 1;
        if service.store.is_shared() {
            let (store, now) = (&service.store, service.now());
            if self.rounds % BEAT_ROUNDS == 1 {
                leases::beat(store, &service.replica, now).await?;
            }
            let noted = self.window.floor();
            match leases::claim(store, LEASE, &service.replica, noted, now).await? {
                None => {
                    self.window = Window::default();
                    return Ok(());
                }
                Some(position) if position != noted => self.window = Window::from(position),
                Some(_) => {}
            }
            if self.rounds % BEAT_ROUNDS == 1 {
                bury(service).await?;
            }
        }
        say_heads(service, &mut self.window).await
    }

    async fn start(&mut self, service: &Service) -> Result<()> {
        let now = service.now();
        if !service.store.is_shared() {
            self.window = Window::from(entries::top(service.store.read()).await?);
            return touch_since(service, now - RECENT).await;
        }
        // Where there are others, alive or dead, what each of them left is known.
        let alone = leases::silent(&service.store, now + RECENT).await?.is_empty();
        leases::beat(&service.store, &service.replica, now).await?;
        if alone { touch_since(service, now - RECENT).await } else { Ok(()) }
    }
}

/// Does what dead replicas have left, and forgets them.
async fn bury(service: &Service) -> Result<()> {
    for (replica, seen_at) in leases::silent(&service.store, service.now() - SILENT).await? {
        if replica == service.replica {
            continue;
        }
        tracing::warn!(%replica, "a replica has fallen silent; what it may have left is told again");
        touch_since(service, seen_at - UNTOLD).await?;
        leases::forget(&service.store, &replica).await?;
    }
    Ok(())
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
        false => service.bus.publish(messages).await,
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
