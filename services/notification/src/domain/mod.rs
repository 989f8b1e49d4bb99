//! The rules, without I/O.

pub mod backoff;
pub mod decide;
pub mod device;
pub mod drops;
pub mod event;
pub mod notice;
pub mod preferences;
pub mod text;
pub mod web_push;
