use std::time::Duration;

use parlance_core::{Error, Reason};
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Says what a database failure means for the caller. The cause is logged, not told.
pub fn store_error(error: DbErr) -> Error {
    match trouble_of(&error) {
        Trouble::Full => {
            tracing::error!(cause = %error, "the store cannot be written");
            Error {
                retry_after: Some(Duration::from_secs(10)),
                ..Error::new(Reason::StorageFull, "the server's storage is full")
            }
        }
        Trouble::Contended => {
            tracing::debug!(cause = %error, "changes stood in each other's way");
            contended()
        }
        Trouble::Lost | Trouble::Away => {
            tracing::warn!(cause = %error, "the database is away");
            Error::unavailable("the database is not reachable")
        }
        Trouble::Slow => {
            tracing::warn!(cause = %error, "the database is too slow");
            Error::unavailable("the database does not answer in time")
        }
        Trouble::Other => Error::internal(error),
    }
}

/// A unique key refused the write.
pub fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Nothing was written, and the same change may succeed in a moment.
pub fn contended() -> Error {
    Error::new(Reason::Contended, "too many changes at the same time")
        .with_retry_after(Duration::from_secs(1))
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Disk full or broken.
    Full,
    /// Deadlock or serialisation failure: the transaction was undone.
    Contended,
    /// This connection is gone; another one may work.
    Lost,
    /// No connection can be had.
    Away,
    /// A limit on statements or locks was reached.
    Slow,
    Other,
}

pub(crate) fn trouble_of(error: &DbErr) -> Trouble {
    match error {
        DbErr::ConnectionAcquire(_) => return Trouble::Away,
        DbErr::Conn(_) if sqlx_of(error).is_none() => return Trouble::Away,
        _ => {}
    }
    let Some(cause) = sqlx_of(error) else { return Trouble::Other };
    match cause {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => return Trouble::Lost,
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => return Trouble::Away,
        _ => {}
    }
    match cause.as_database_error().and_then(|error| error.code()).as_deref() {
        // SQLite: disk full, or an I/O error while writing; PostgreSQL: disk full.
        Some("13" | "10" | "778" | "53100") => Trouble::Full,
        // Serialisation failure, deadlock.
        Some("40001" | "40P01") => Trouble::Contended,
        // The server ended the connection: shutdown, crash of another process, or an idle transaction.
        Some("57P01" | "57P02" | "25P03") => Trouble::Lost,
        // Starting up, out of connections or memory, read-only after a fail-over.
        Some("57P03" | "53300" | "53200" | "53000" | "53400" | "25006") => Trouble::Away,
        // Statement or lock time-out; SQLite: busy, locked.
        Some("57014" | "55P03" | "5" | "6" | "261" | "517") => Trouble::Slow,
        Some(code) if code.len() == 5 && code.starts_with("08") => Trouble::Lost,
        _ if matches!(error, DbErr::Conn(_)) => Trouble::Away,
        _ => Trouble::Other,
    }
}

fn sqlx_of(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(e))
        | DbErr::Exec(RuntimeErr::SqlxError(e))
        | DbErr::Query(RuntimeErr::SqlxError(e)) => Some(e.as_ref()),
        _ => None,
    }
}
