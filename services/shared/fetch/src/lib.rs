#![doc = include_str!("../README.md")]

pub mod address;
mod answer;
mod body;
mod failure;
mod fetcher;
mod get;
mod lookup;
mod post;
mod target;
pub mod tls;

pub use answer::ContentType;
pub use body::Overflow;
pub use failure::{Failure, Refusal, Trouble};
pub use fetcher::{Fetcher, Network, Settings};
pub use get::{Fetched, Get};
pub use lookup::{Lookup, system_lookup};
pub use post::Posted;
