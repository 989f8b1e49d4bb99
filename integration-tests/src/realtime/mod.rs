//! A realtime client for tests: speaks both encodings of the protocol, answers pings (unless told
//! not to), keeps everything that arrives, and waits with a timeout that prints what did arrive.

mod client;
mod codec;
mod wire;

pub use client::{Close, Realtime, State};
pub use codec::{Encoding, Frame};
pub use wire::*;
