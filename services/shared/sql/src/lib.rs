#![doc = include_str!("../README.md")]

mod error;
pub mod migrate;
pub mod outbox;
pub mod positions;
mod store;

pub use error::{is_unique_violation, store_error};
pub use migrate::migrate;
pub use store::{Committed, Settings, Store, Write};

/// Whether a text is the URL of a PostgreSQL database.
pub fn is_postgres_url(text: &str) -> bool {
    text.parse::<sqlx::postgres::PgConnectOptions>().is_ok()
}
