//! Clients as they live through a fault: senders that send at a steady rate and repeat what was not
//! acknowledged, followers that come back on another gateway and recover what they missed. Both write
//! down what happened and when, for the [checker](crate::checker).

mod follower;
mod senders;

pub use follower::{Followed, Follower};
pub use senders::{Refusal, Senders, Sent};
