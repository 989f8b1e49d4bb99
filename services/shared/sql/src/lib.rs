#![doc = include_str!("../README.md")]

pub mod crashes;
mod error;
pub mod leases;
pub mod migrate;
pub mod outbox;
pub mod positions;
mod postgres;
mod progress;
mod reader;
mod retry;
mod sqlite;
mod store;

pub use error::{contended, is_unique_violation, store_error};
pub use migrate::migrate;
pub use progress::Progress;
pub use reader::Reader;
pub use retry::{pause, retrying, within};
pub use store::{Committed, Limits, Pool, Settings, Store, Write};

/// Whether a text is the URL of a PostgreSQL database.
pub fn is_postgres_url(text: &str) -> bool {
    text.parse::<sqlx::postgres::PgConnectOptions>().is_ok()
}
