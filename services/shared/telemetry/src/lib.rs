#![doc = include_str!("../README.md")]

mod logs;
mod metrics;
mod process;

pub use crate::logs::{Format, Settings, init_logs, is_level};
pub use crate::metrics::Metrics;
