use std::time::Duration;

/// Why nothing was fetched or taken. Says nothing of the address: safe to log and to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Not opened at all, and never will be.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// The other side said a no that a repeat does not change: 4xx but 408, 425 and 429; a redirect where
    /// none is followed.
    #[error("status {status}")]
    Rejected { status: u16 },
    /// It may work later; `after` is what the other side asked for (`Retry-After`), at most a day.
    #[error("later: {trouble}")]
    Later { trouble: Trouble, after: Option<Duration> },
    /// More bytes than allowed, after decompression.
    #[error("too large")]
    TooLarge,
    /// Not of a type that was asked for, or compressed in an unknown way.
    #[error("wrong type")]
    WrongType,
    /// More redirects than allowed, or one that names no address.
    #[error("redirects lead nowhere")]
    Redirects,
}

/// What is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("neither http nor https, or no address")]
    Url,
    #[error("credentials in the address")]
    Credentials,
    #[error("a port of another service")]
    Port,
    #[error("not a public address")]
    Address,
    /// The caller's own rule (`Get::may_open`).
    #[error("excluded by rule")]
    Rule,
}

/// What went wrong for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("the name leads to no address")]
    Name,
    /// No connection, no TLS, or an answer that is not HTTP or breaks off.
    #[error("unreachable")]
    Unreachable,
    #[error("no full answer in time")]
    TimedOut,
    /// 408, 425, 429 and 5xx.
    #[error("status {0}")]
    Status(u16),
}

impl Failure {
    pub(crate) fn later(trouble: Trouble) -> Self {
        Self::Later { trouble, after: None }
    }
}
