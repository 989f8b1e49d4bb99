#![doc = include_str!("../README.md")]

mod logs;
mod metrics;
mod process;

pub use crate::logs::{Format, Settings, init_logs};
pub use crate::metrics::Metrics;
