//! The rules, without I/O.

pub mod action;
pub mod channel_type;
pub mod cid;
pub mod invite;
pub mod limits;
pub mod membership;
pub mod policy;
pub mod role;
pub mod workspace;

pub use action::Action;
pub use channel_type::{ChannelType, Config, Overrides};
pub use policy::{Decision, Situation, decide};
pub use role::Role;
pub use workspace::WorkspaceRole;
