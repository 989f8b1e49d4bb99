//! `/api/channels/{id}/messages/{mid}/thread`.

pub mod list;
pub mod participants;
pub mod reply;
