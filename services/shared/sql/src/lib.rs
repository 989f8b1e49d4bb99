#![doc = include_str!("../README.md")]

mod error;
pub mod migrate;
pub mod outbox;
pub mod positions;
mod store;

pub use error::{is_unique_violation, store_error};
pub use migrate::migrate;
pub use store::{Committed, Pool, Settings, Store, Write};
