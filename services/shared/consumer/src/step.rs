use parlance_core::{Error, Result};
use parlance_proto::event::LogEntry;
use parlance_sql::{Store, Write, positions};
use parlance_telemetry::trace::{self, Kind, Span};

/// Consecutive entries that have their effect together.
pub struct Step {
    pub(crate) store: Store,
    pub(crate) log: &'static str,
    /// The position before them.
    pub(crate) from: u64,
    pub(crate) entries: Vec<LogEntry>,
}

/// Why a step had no effect.
#[derive(Debug)]
pub enum Missed {
    Failed(Error),
    /// Another replica is at work here.
    Busy,
    /// The position is another one than expected: another replica has come further, or the database was
    /// restored.
    Moved(u64),
}

impl From<Error> for Missed {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Step {
    /// The entries, in order.
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }

    /// The position before the first of them.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// The position after the last of them.
    pub fn to(&self) -> u64 {
        self.entries.last().map_or(self.from, |entry| entry.position)
    }

    /// Begins the transaction, with the position kept from other replicas until it ends.
    pub async fn begin(&self) -> Result<Turn, Missed> {
        self.begin_in(self.store.begin().await?).await
    }

    /// As [`Step::begin`], with a commit that does not wait for the disk: for effects that nobody has been told of.
    /// A power failure undoes them with the position, and they are done again.
    pub async fn begin_relaxed(&self) -> Result<Turn, Missed> {
        self.begin_in(self.store.begin_relaxed().await?).await
    }

    async fn begin_in(&self, write: Write) -> Result<Turn, Missed> {
        let position = positions::lock(&write, self.log).await?;
        if position != Some(self.from) {
            write.rollback().await?;
            return Err(position.map_or(Missed::Busy, Missed::Moved));
        }
        let facts = self.entries.iter().filter_map(|entry| entry.event.as_ref());
        let mut span =
            trace::start_for_many(Kind::Consumer, "consume", facts.map(|fact| fact.trace.as_str()));
        if let Some(span) = &mut span {
            span.rename(|| format!("consume {}", self.log));
            span.set("parlance.batch.facts", self.entries.len() as i64);
        }
        Ok(Turn { write, log: self.log, to: self.to(), span })
    }
}

/// The transaction of a step. Dropped without [`Turn::finish`], nothing has happened.
pub struct Turn {
    write: Write,
    log: &'static str,
    to: u64,
    span: Option<Span>,
}

impl Turn {
    /// Where the effect is written.
    pub fn write(&self) -> &Write {
        &self.write
    }

    /// Place of this step in the trace of its facts; empty = they are in none that is recorded.
    pub fn trace(&self) -> &str {
        self.span.as_ref().map_or("", Span::traceparent)
    }

    /// Stores the position beside the effect, and gives the transaction to be committed.
    pub async fn finish(self) -> Result<Write> {
        positions::save(&self.write, self.log, self.to).await?;
        Ok(self.write)
    }
}
