#![doc = include_str!("../README.md")]

mod backoff;
mod client;
mod listening;
mod node;
mod script;
mod settings;
mod slots;

pub use backoff::backoff;
pub use client::{Redis, answer};
pub use listening::{Listening, Push};
pub use node::Node;
pub use redis::{Cmd, FromRedisValue, Value, cmd, from_redis_value};
pub use script::Script;
pub use settings::Settings;
