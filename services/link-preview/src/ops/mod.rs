//! One use case a file.

pub mod get_settings;
pub mod resolve;
pub mod update_settings;
