#![doc = include_str!("../README.md")]

pub mod catalog;
mod logs;
mod metrics;
mod otlp;
mod process;
mod settings;
pub mod trace;

pub use crate::logs::{Format, Settings, init_logs, is_level};
pub use crate::metrics::Metrics;
pub use crate::otlp::Export;
pub use crate::settings::TelemetrySettings;
