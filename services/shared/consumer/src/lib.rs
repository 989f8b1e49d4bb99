#![doc = include_str!("../README.md")]

mod run;
mod step;

use std::future::Future;
use std::time::Duration;

use parlance_core::Result;
use parlance_proto::event::{LogEntry, ReadLogRequest, ReadLogResponse};

pub use run::LogConsumer;
pub use step::{Missed, Step, Turn};

/// What a service makes of the facts in another service's log.
pub trait Consumer: Send + Sync + 'static {
    /// The service that consumes; for metrics.
    const SERVICE: &'static str;
    /// The log that is consumed: the name of the service that states it, and of the position.
    const LOG: &'static str;
    /// How long facts are gathered before they are read, once there is news: a page costs as much for one fact as
    /// for a hundred. Zero for whoever others wait for.
    const GATHER: Duration = Duration::ZERO;

    /// Asks for entries after a position.
    fn read(&self, request: ReadLogRequest) -> impl Future<Output = Result<ReadLogResponse>> + Send;

    /// Gives the entries of a step their effect, in order and in one transaction, begun by
    /// [`Step::begin`] and handed back by [`Turn::finish`]. `Ok` = it is committed. It is called again
    /// where that has failed, so whatever it does outside of the transaction must bear repetition.
    fn apply(&self, step: &Step) -> impl Future<Output = Result<(), Missed>> + Send;

    /// How many of these entries, from the first on, go into one transaction; at least one does.
    fn together(&self, entries: &[LogEntry]) -> usize {
        entries.len()
    }

    /// Returns once there is room for what follows from another page.
    fn room(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}
