//! `/api/channels/{id}/pins` and `…/messages/{mid}/pin`.

pub mod add;
pub mod list;
pub mod remove;
