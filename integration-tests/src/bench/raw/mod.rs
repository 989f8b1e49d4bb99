//! The baseline of fan-out: the same bytes to as many sockets, and nothing else. No queues, no
//! permissions, no log; one write call carries a batch of frames.

mod child;
mod serve;

pub use child::{Child, Order};
pub use serve::serve;
