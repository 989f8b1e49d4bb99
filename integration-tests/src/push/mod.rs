//! Push notifications as seen from the other end: a push service on loopback, and the calls by which an app
//! sets it up.

mod admin;
mod expo;

pub use admin::Admin;
pub use expo::{Answers, Expo, Taken};
