//! `/api/workspaces/{wid}/members`.

pub mod add;
pub mod list;
pub mod remove;
pub mod update;
