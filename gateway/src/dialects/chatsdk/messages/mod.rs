//! `/api/channels/{id}/messages`.

pub mod delete;
mod draft;
pub mod edit;
pub mod get;
pub mod get_lone;
pub mod list;
pub mod send;

pub use draft::Draft;
