#![doc = include_str!("../README.md")]

mod error;
mod flat;
mod merged;
mod render;
mod schema;
mod secret;

pub use error::Error;
pub use merged::{Merged, Sources};
pub use schema::schema;
pub use secret::Secret;
