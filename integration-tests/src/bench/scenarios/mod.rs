//! What is measured. Each scenario starts from a fresh process on the same data.

pub mod distributed;
pub mod fanout;
pub mod history;
pub mod idle;
pub mod inserts;
pub mod links;
pub mod push;
pub mod reconnect;
pub mod scaleout;
pub mod sends;
mod subscribers;
