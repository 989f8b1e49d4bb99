//! `/tokens`.

pub mod create;
