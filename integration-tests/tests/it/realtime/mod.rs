//! centrifugo.md: the realtime protocol.

mod closing;
mod connecting;
mod framing;
mod liveness;
mod membership;
mod recovery;
pub mod storm;
mod subscribing;
mod tokens;
