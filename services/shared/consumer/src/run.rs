use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use parlance_bus::{Bus, Item, Subscription, Topic};
use parlance_core::{Clock, Micros, Result};
use parlance_proto::event::{LogEntry, ReadLogRequest};
use parlance_sql::{Progress, Store, retrying, within};
use tokio_util::sync::CancellationToken;

use crate::{Consumer, Missed, Step};

const PAGE: u32 = 200;
/// The log is read this often even if nothing woke the consumer.
const SWEEP: Duration = Duration::from_secs(1);
/// Time for one page; the database gives up sooner. What is done of it stays done.
const PAGE_LIMIT: Duration = Duration::from_secs(30);
/// Looks at the position of a replica that is at work before its work is tried to be taken over.
const LOOKS: u32 = 6;

/// Follows one log from the position that is stored for it.
pub struct LogConsumer<C> {
    pub consumer: Arc<C>,
    /// Where effects and position are written.
    pub store: Store,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    /// How far all replicas together have come; of the same store and log.
    pub progress: Arc<Progress>,
    pub stop: CancellationToken,
}

/// What became of a page, and the position where the consumer stands then.
#[derive(Clone, Copy)]
enum Page {
    /// There may be more.
    More(u64),
    /// Nothing was left.
    End(u64),
    /// Another replica is at it, after this position.
    Busy(u64),
    /// The stored position is further back than it was: the database was restored.
    MovedBack(u64),
}

impl Page {
    fn position(self) -> u64 {
        match self {
            Self::More(at) | Self::End(at) | Self::Busy(at) | Self::MovedBack(at) => at,
        }
    }
}

impl<C: Consumer> LogConsumer<C> {
    /// Consumes until the service stops.
    pub async fn run(self) {
        let mut wakes = None;
        // Where a restored database stands, until it has come as far as it was before.
        let mut behind: Option<u64> = None;
        loop {
            if wakes.is_none() {
                wakes = self.subscribe().await;
            }
            self.consumer.room().await;
            let after = behind.unwrap_or_else(|| self.progress.current());
            let done = within(PAGE_LIMIT, self.page(after)).await;
            if let Ok(page) = &done {
                behind = Some(page.position()).filter(|at| *at < self.progress.current());
            }
            match done {
                Ok(Page::More(_)) if !self.stop.is_cancelled() => continue,
                Ok(Page::Busy(after)) if !self.stop.is_cancelled() => {
                    self.wait_for_other(after).await;
                    continue;
                }
                Ok(Page::MovedBack(position)) => tracing::warn!(
                    log = C::LOG,
                    position,
                    before = after,
                    "the position in the log moved back; from there again"
                ),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(log = C::LOG, %error, "facts could not be consumed; trying again");
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.progress.wanted() => {}
                () = tokio::time::sleep(SWEEP) => {}
                is_open = woken(&mut wakes) => if !is_open { wakes = None },
            }
            if !C::GATHER.is_zero() {
                tokio::time::sleep(C::GATHER).await;
            }
            // What has woken it meanwhile is in the page that follows.
            while let Some(is_open) = woken(&mut wakes).now_or_never() {
                if !is_open {
                    wakes = None;
                }
            }
        }
    }

    /// `None` = the bus is away; the sweep does its work.
    async fn subscribe(&self) -> Option<Box<dyn Subscription>> {
        let subscription = self.bus.subscribe().await.ok()?;
        subscription.topics().listen(Topic::Log(C::LOG)).await.ok()?;
        Some(subscription)
    }

    /// Waits until another replica has come further, or for long enough to find out what keeps it.
    async fn wait_for_other(&self, after: u64) {
        for look in 1..=LOOKS {
            parlance_sql::pause(look.min(3)).await;
            match self.progress.look().await {
                Ok(position) if position > after => return,
                _ => {}
            }
        }
    }

    /// Reads and applies one page.
    async fn page(&self, after: u64) -> Result<Page> {
        let request = ReadLogRequest { after_position: after, limit: PAGE };
        let page = self.consumer.read(request).await?;
        self.show_lag(after, page.top_position, page.entries.first());
        let mut entries = page.entries;
        let Some(last) = entries.last().map(|entry| entry.position) else {
            return Ok(Page::End(after));
        };
        let mut from = after;
        while !entries.is_empty() {
            let count = self.consumer.together(&entries).clamp(1, entries.len());
            let rest = entries.split_off(count);
            let step = Step { store: self.store.clone(), log: C::LOG, from, entries };
            if let Some(page) = self.step(&step).await? {
                return Ok(page);
            }
            (from, entries) = (step.to(), rest);
        }
        Ok(if last < page.top_position { Page::More(last) } else { Page::End(last) })
    }

    /// Applies one step, as often as others stand in the way. `Some` = it ends the page.
    async fn step(&self, step: &Step) -> Result<Option<Page>> {
        let missed = retrying(|| async {
            match self.consumer.apply(step).await {
                Err(Missed::Failed(error)) => Err(error),
                done => Ok(done),
            }
        });
        match missed.await? {
            Ok(()) => {
                self.progress.advance(step.to());
                Ok(None)
            }
            Err(Missed::Failed(error)) => Err(error),
            Err(Missed::Busy) => Ok(Some(Page::Busy(step.from))),
            Err(Missed::Moved(position)) if position < step.from => Ok(Some(Page::MovedBack(position))),
            // Another replica has applied these, or a part of them.
            Err(Missed::Moved(position)) => {
                self.progress.advance(position);
                Ok(Some(Page::More(position)))
            }
        }
    }

    fn show_lag(&self, after: u64, top: u64, oldest: Option<&LogEntry>) {
        let labels = [("service", C::SERVICE), ("log", C::LOG)];
        metrics::gauge!("parlance_consumer_lag", &labels).set(top.saturating_sub(after) as f64);
        let oldest = oldest.and_then(|entry| entry.event.as_ref()?.occurred_at.as_ref());
        let age = oldest
            .and_then(Micros::from_timestamp)
            .map_or(0.0, |at| self.clock.now().since(at).as_secs_f64());
        metrics::gauge!("parlance_consumer_lag_seconds", &labels).set(age);
    }
}

/// Waits for a wake; false = the subscription ended.
async fn woken(wakes: &mut Option<Box<dyn Subscription>>) -> bool {
    match wakes {
        Some(subscription) => matches!(subscription.recv().await, Some(Item::Message(..) | Item::Lagged)),
        None => std::future::pending().await,
    }
}
