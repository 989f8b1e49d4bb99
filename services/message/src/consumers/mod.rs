//! What this service takes over from the logs of lower ones.

mod apply;
pub mod channel;
