//! The realtime side: thousands of sockets for little processor time.

mod frames;
mod login;
mod readers;
pub mod stamp;

pub use frames::plain;
pub use login::{Login, Replied, Subscription, login, open};
pub use readers::{Counts, Readers};
