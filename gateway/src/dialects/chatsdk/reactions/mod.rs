//! `/api/channels/{id}/messages/{mid}/reactions`.

pub mod add;
pub mod remove;
