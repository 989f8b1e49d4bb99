//! Events that this service listens to.

pub(crate) mod message_landed;
